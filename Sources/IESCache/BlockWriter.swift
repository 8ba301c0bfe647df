// SPDX-License-Identifier: Apache-2.0

/// Stores the bytes of one download into a result's data file. Used by one thread at a time, in order.
package final class BlockWriter: Sendable {
    package struct Progress: Hashable, Sendable {
        /// Where the next bytes go.
        package var position: Int64
        /// The bytes differ from those that are held, or go on past the end. None that differ were stored, and what was
        /// held stays as it was. The download should be ended.
        package var contradicts: Bool
    }

    /// Takes the next bytes; they are readable when this returns.
    ///
    /// What is held or has arrived already is not stored again but compared: bytes of a finished block by its checksum, at
    /// the block's end, others at once.
    package func append(_ bytes: RawSpan) throws(CacheError) -> Progress { preconditionFailure("TODO") }

    /// Where the next bytes go.
    package var position: Int64 { preconditionFailure("TODO") }
}
