// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Counts the cache's space. Bytes are reserved here before they are written, so that one place can refuse.
final class Ledger: Sendable {
    let limit: Int64
    private let path: FilePath
    private let keptFree: Int64
    private let used: Atomic<Int64>
    private let diskFree: Atomic<Int64>
    private let lookedAt: Mutex<ContinuousClock.Instant>
    let damagedBlocks = Atomic(0)
    let verifiedBlocks = Atomic(0)

    init(_ settings: CacheSettings, used: Int64) throws(CacheError) {
        path = settings.directory
        let disk = try Self.disk(path)
        limit = settings.limit ?? max(disk.total / 10, 1 << 30)
        keptFree = Int64(Double(disk.total) * min(max(settings.keptFree, 0), 1))
        self.used = Atomic(used)
        diskFree = Atomic(disk.free)
        lookedAt = Mutex(.now)
    }

    /// `owner` bytes are what one result or spool would take in all with these.
    func reserve(_ count: Int64, owner: Int64) throws(CacheError) {
        guard owner <= limit else { throw .tooLarge(size: owner, limit: limit) }
        used.add(count, ordering: .relaxed)
    }

    func release(_ count: Int64) { used.subtract(count, ordering: .relaxed) }

    /// Whether the free space of the disk was looked up more than a second ago; then it counts as looked up now.
    func claimRefresh() -> Bool {
        lookedAt.withLock { time in
            let now = ContinuousClock.now
            guard now - time > .seconds(1) else { return false }
            time = now
            return true
        }
    }

    /// May wait for the disk.
    func refresh() {
        if let disk = try? Self.disk(path) { diskFree.store(disk.free, ordering: .relaxed) }
    }

    func usage(replacedIndexes: Int) -> CacheUsage {
        let used = max(0, used.load(ordering: .relaxed))
        let free = diskFree.load(ordering: .relaxed)
        return CacheUsage(
            limit: limit, effectiveLimit: min(limit, used + max(0, free - keptFree)), used: used, diskFree: free,
            damagedBlocks: damagedBlocks.load(ordering: .relaxed),
            verifiedBlocks: verifiedBlocks.load(ordering: .relaxed), replacedIndexes: replacedIndexes)
    }

    private static func disk(_ path: FilePath) throws(CacheError) -> (total: Int64, free: Int64) {
        var status = statvfs()
        guard path.withPlatformString({ statvfs($0, &status) }) == 0 else {
            throw .failed(to: "look at", path, Errno(rawValue: errno))
        }
        let unit = UInt64(status.f_frsize)
        func bytes(_ blocks: UInt) -> Int64 { Int64(clamping: UInt64(blocks).multipliedReportingOverflow(by: unit).0) }
        return (bytes(status.f_blocks), bytes(status.f_bavail))
    }
}
