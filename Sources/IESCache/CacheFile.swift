// SPDX-License-Identifier: Apache-2.0

/// One version's data file and the map of what it holds. Any number of threads may read and write it at once.
package final class CacheFile: Sendable {
    package let record: ResultRecord

    init(record: ResultRecord) { self.record = record }

    /// In bytes.
    package var size: Int64 { record.size }
    /// In bytes; the last block is shorter.
    package var blockSize: Int { record.blockSize }
    package var blockCount: Int { Int((size + Int64(blockSize) - 1) / Int64(blockSize)) }

    /// What `readNow` came to.
    package enum Outcome: Hashable, Sendable {
        /// So many bytes were read: all of the buffer, or up to the end of the file.
        case read(Int)
        /// Some of the bytes have not arrived; `missing(in:)` says which.
        case missing
        /// The bytes are held, but their blocks' checksums have not been checked in this run: `prepare` does it.
        case unverified
        /// The bytes would have to come from the disk: `prepare` fetches them.
        case wouldBlock
    }

    /// Fills `buffer` from `offset` on, up to the end of the file, if every byte has arrived and is verified: all or
    /// nothing. Never waits for the disk, allocates nothing.
    package func readNow(at offset: Int64, into buffer: inout MutableRawSpan) -> Outcome { preconditionFailure("TODO") }

    /// Does what `readNow` could not: checks the checksums of blocks from earlier runs, and brings pages into memory.
    /// On a thread of the cache's own. Afterwards the range's blocks are verified, or no longer held: then they are
    /// `missing` and to be fetched again. An error means that the disk could not be read.
    package func prepare(_ range: Range<Int64>) async throws(CacheError) { preconditionFailure("TODO") }

    /// The parts of `range` that have to be fetched: neither arrived nor held. What is held counts as present before
    /// it is verified. In order, not adjacent.
    package func missing(in range: Range<Int64>) -> [Range<Int64>] { preconditionFailure("TODO") }

    /// Takes bytes from `offset` on. Several writers may be open, at different places or the same.
    package func writer(at offset: Int64) -> BlockWriter { preconditionFailure("TODO") }

    /// Bytes in the cache, those of unfinished blocks included.
    package var heldBytes: Int64 { preconditionFailure("TODO") }
    /// Whether every block is held.
    package var isComplete: Bool { preconditionFailure("TODO") }
    /// Whether every block is held and has been verified in this run.
    package var isVerified: Bool { preconditionFailure("TODO") }

    /// Brings what has been written to the disk, on a thread of the cache's own.
    package func sync() async throws(CacheError) { preconditionFailure("TODO") }
}
