// SPDX-License-Identifier: Apache-2.0

/// The kernel's number of a request, by which one that is sent again to another worker is known.
package struct RequestNumber: Hashable, Sendable {
    /// The same however often the request is sent; 0 stands for none.
    package let value: UInt64
    /// It was sent before, to a worker that did not answer it.
    package let isRepeated: Bool

    /// - Parameter unique: As it stands in the request's header. FUSE_UNIQUE_RESEND is bit 63.
    package init(unique: UInt64) {
        value = unique & ~(1 << 63)
        isRepeated = unique >> 63 == 1
    }

    package static let none = RequestNumber(unique: 0)
}
