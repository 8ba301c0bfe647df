// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import SystemPackage

/// How a block cache is set up.
package struct CacheSettings: Sendable {
    /// The cache directory; created with mode 0700 where absent (its parents too).
    package var directory: FilePath
    /// The most bytes the cache may take; `nil` for a tenth of the disk, at least 1 GiB.
    package var limit: Int64?
    /// What of the disk is left free.
    package var keptFree = FreeSpace.part(0.05)
    /// The most memory that bytes may take on their way to the disk, or past one that fails.
    package var memory = 64 << 20
    /// The disk is passed by when it takes longer than this for anything.
    package var diskDeadline: Duration = .seconds(2)
    /// For how long it is passed by the first time.
    package var diskPause: Duration = .seconds(5)
    /// In bytes, a multiple of 4,096. Holds for results seen from now on; others keep theirs.
    package var blockSize = 1 << 20
    /// Says who uses the cache, for the message that a second user gets: the mountpoint.
    package var owner: String
    /// A descriptor that holds the cache's lock (see `CacheLock`), kept open by whoever gave it. `nil`: the cache locks
    /// and unlocks the directory itself.
    package var lockDescriptor: Int32?
    /// Threads that verify blocks and read from the disk.
    package var ioThreads = 4
    /// How late a finished block may reach the index.
    package var indexDelay: Duration = .milliseconds(200)
    /// How many finished blocks reach the index at once, at the latest.
    package var indexBatch = 64
    /// The time, in seconds since 1970.
    package var now: @Sendable () -> Int64 = { CacheSettings.systemTime() }

    package init(directory: FilePath, owner: String) {
        self.directory = directory
        self.owner = owner
    }

    /// What a cache in `directory` may take where nothing else is said.
    package static func standardLimit(in directory: FilePath) throws(CacheError) -> Int64 {
        standardLimit(ofDisk: try Ledger.disk(directory).total)
    }

    /// A tenth of the disk, at least 1 GiB.
    static func standardLimit(ofDisk total: Int64) -> Int64 { max(total / 10, 1 << 30) }

    private static func systemTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }
}
