// SPDX-License-Identifier: Apache-2.0

package import Logging

/// Results' bytes on the local disk, in blocks with checksums, and what is known of the results.
package final class BlockCache: Sendable {
    /// Opens the cache directory, creating it where absent. Does not scan it.
    ///
    /// A damaged index or one of another format is set aside, with one warning, and begun anew.
    package init(_ settings: CacheSettings, logger: Logger) throws(CacheError) {
        preconditionFailure("TODO")
    }

    /// The newest version seen of `key`; from memory after the first success.
    package func latest(_ key: ResultKey) throws(CacheError) -> ResultRecord? { preconditionFailure("TODO") }

    /// The projects of which results are known, sorted.
    package func projects() throws(CacheError) -> [String] { preconditionFailure("TODO") }

    /// The newest version of each known result of `project`, sorted by task.
    package func results(of project: String) throws(CacheError) -> [ResultRecord] { preconditionFailure("TODO") }

    /// Records `new` as the next version of its key. Kept in the index for good.
    package func add(_ new: NewResult) throws(CacheError) -> ResultRecord { preconditionFailure("TODO") }

    /// The data of one version: always the same object for the same version, as long as someone holds it.
    ///
    /// Reads the index and the data file's status. It holds an open descriptor while it lives.
    package func file(for record: ResultRecord) throws(CacheError) -> CacheFile { preconditionFailure("TODO") }

    /// Takes a body of unknown length for `key`.
    package func spool(for key: ResultKey) throws(CacheError) -> Spool { preconditionFailure("TODO") }

    /// The inode number of `path` in its `variant` (a content version, a refusal): the one it got first, else
    /// `preferred`, else the next that is free. Never 0 or 1. Reaches the index within `indexDelay`.
    package func inodeNumber(path: String, variant: String, preferred: UInt64) throws(CacheError) -> UInt64 {
        preconditionFailure("TODO")
    }

    /// What `inodeNumber` gave `number` to.
    package func path(ofInode number: UInt64) throws(CacheError) -> (path: String, variant: String)? {
        preconditionFailure("TODO")
    }

    /// Keeps the last task list of `project`, as opaque bytes. Reaches the index within `indexDelay`.
    package func storeTasks(_ json: [UInt8], of project: String) { preconditionFailure("TODO") }

    /// The last list kept for `project`.
    package func tasks(of project: String) throws(CacheError) -> [UInt8]? { preconditionFailure("TODO") }

    /// From memory: never waits for the disk.
    package func usage() -> CacheUsage { preconditionFailure("TODO") }

    /// Brings the index up to date with everything that was finished before the call.
    package func flush() throws(CacheError) { preconditionFailure("TODO") }

    /// Syncs the data, records the clean stop, and unlocks. A second call does nothing. Afterwards nothing can be written;
    /// bytes that were readable stay so for those who hold the file.
    package func close() { preconditionFailure("TODO") }
}
