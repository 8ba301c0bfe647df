// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Counts the cache's space. Bytes are reserved here before they are written, so that one place can refuse.
final class Ledger: Sendable {
    /// So much is written at most until the disk is looked at again.
    private static let lookDistance: Int64 = 16 << 20

    private let path: FilePath
    private let account: Mutex<SpaceAccount>
    private let lookedAt: Mutex<ContinuousClock.Instant>
    let damagedBlocks = Atomic(0)
    let verifiedBlocks = Atomic(0)
    let evictedBytes = Atomic<Int64>(0)

    init(_ settings: CacheSettings, used: Int64) throws(CacheError) {
        path = settings.directory
        let disk = try Self.disk(path)
        account = Mutex(
            SpaceAccount(
                limit: settings.limit ?? CacheSettings.standardLimit(ofDisk: disk.total),
                keptFree: settings.keptFree.bytes(ofDisk: disk.total), used: used, free: disk.free))
        lookedAt = Mutex(.now)
    }

    var limit: Int64 { account.withLock { $0.limit } }
    var effectiveLimit: Int64 { account.withLock { $0.effectiveLimit } }

    /// How much more than it may the cache takes, in bytes.
    var excess: Int64 { account.withLock { max(0, $0.used - $0.effectiveLimit) } }

    /// False, and nothing reserved, if the cache has no room for `count` bytes.
    func reserve(_ count: Int64) -> Bool { account.withLock { $0.reserve(count) } }

    func release(_ count: Int64) { account.withLock { $0.release(count) } }

    /// Whether the disk should be looked at again: a second has passed, or much was written.
    var isLookDue: Bool {
        account.withLock { $0.sinceLook >= Self.lookDistance } || lookedAt.withLock { .now - $0 > .seconds(1) }
    }

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
        lookedAt.withLock { $0 = .now }
        if let disk = try? Self.disk(path) { account.withLock { $0.look(free: disk.free) } }
    }

    func usage(replacedIndexes: Int, disk: DiskState, memoryUsed: Int, memoryLimit: Int) -> CacheUsage {
        let account = account.withLock { $0 }
        return CacheUsage(
            limit: account.limit, effectiveLimit: account.effectiveLimit, used: max(0, account.used),
            diskFree: account.free, disk: disk, memoryUsed: Int64(memoryUsed), memoryLimit: Int64(memoryLimit),
            evicted: evictedBytes.load(ordering: .relaxed), damagedBlocks: damagedBlocks.load(ordering: .relaxed),
            verifiedBlocks: verifiedBlocks.load(ordering: .relaxed), replacedIndexes: replacedIndexes)
    }

    static func disk(_ path: FilePath) throws(CacheError) -> (total: Int64, free: Int64) {
        var status = statvfs()
        guard path.withPlatformString({ statvfs($0, &status) }) == 0 else {
            throw .failed(to: "look at", path, Errno(rawValue: errno))
        }
        let unit = UInt64(status.f_frsize)
        func bytes(_ blocks: UInt) -> Int64 { Int64(clamping: UInt64(blocks).multipliedReportingOverflow(by: unit).0) }
        return (bytes(status.f_blocks), bytes(status.f_bavail))
    }
}
