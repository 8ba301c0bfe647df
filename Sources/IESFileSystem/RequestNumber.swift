// SPDX-License-Identifier: Apache-2.0

import IESTakeover

/// The kernel's number of a request, by which one that is sent again to another worker is known.
package struct RequestNumber: Hashable, Sendable {
    /// The same however often the request is sent; 0 stands for none.
    package let value: UInt64
    /// It was sent before, to a worker that did not answer it.
    package let isRepeated: Bool

    /// - Parameter unique: As it stands in the request's header.
    package init(unique: UInt64) {
        value = unique & ~TakeoverRecord.resendMark
        isRepeated = unique & TakeoverRecord.resendMark != 0
    }

    package static let none = RequestNumber(unique: 0)
}
