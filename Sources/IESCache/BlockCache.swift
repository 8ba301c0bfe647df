// SPDX-License-Identifier: Apache-2.0

package import Logging
import Synchronization
import SystemPackage

/// Results' bytes on the local disk, in blocks with checksums, and what is known of the results.
///
/// Locks, in the order in which they can be held together: `adding` or `loading`, a file's own (see `CacheFile`), then
/// `files` or `known` alone. The index is used with any of them held but `files` and `known`.
package final class BlockCache: Sendable {
    /// Nothing is left of an earlier run that did not end in order.
    let isTidied = Atomic(false)
    let core: CacheCore
    /// The lock, if it is ours to release.
    private let ownLock: FileDescriptor?
    private let adding = Mutex(())
    private let known = Mutex<[ResultKey: ResultRecord]>([:])
    private let inodes = Mutex(InodeNumbers())
    /// Held while a number is chosen, for which the index is asked.
    private let numbering = Mutex(())
    /// Changed on the thread that writes, or with `adding` locked.
    let pins = Mutex(Pins())
    let loading = Mutex(())
    let files = Mutex(OpenFiles())

    /// Opens the cache directory, creating it where absent. Does not scan it.
    ///
    /// A damaged index or one of another format is set aside, with one warning, and begun anew.
    package init(_ settings: CacheSettings, logger: Logger) throws(CacheError) {
        precondition(settings.blockSize > 0 && settings.blockSize % 4096 == 0, "a block is a multiple of 4,096 bytes")
        let directory = CacheDirectory(path: settings.directory)
        var ownLock: FileDescriptor?
        if let descriptor = settings.lockDescriptor {
            try directory.prepare()
            try CacheLock.lock(FileDescriptor(rawValue: descriptor), in: directory, owner: settings.owner)
        } else {
            ownLock = try CacheLock.acquire(settings.directory, owner: settings.owner)
        }
        self.ownLock = ownLock
        var opened: Index?
        do throws(CacheError) {
            let index = try Index(directory, settings: settings, logger: logger)
            opened = index
            core = try CacheCore(
                settings: settings, directory: directory, index: index,
                ledger: try Ledger(settings, used: index.usedAtStart), logger: logger)
        } catch {
            opened?.close(isClean: false)
            if let ownLock { CacheLock.release(ownLock) }
            throw error
        }
        let pinned = core.index.pinnedAtStart
        pins.withLock { $0 = pinned }
        if pinned.bytes > core.ledger.effectiveLimit {
            logger.warning(
                "what is pinned takes more than the cache may, and nothing else can be kept; 'iesfs evict --unpin' mends that",
                metadata: ["pinned": "\(pinned.bytes)", "limit": "\(core.ledger.effectiveLimit)"])
        }
        isTidied.store(core.index.stoppedCleanly, ordering: .releasing)
        core.index.setSnapshot { [weak self] in
            guard let self else { return [] }
            // What only the index before knew of takes room, and cannot be found any more.
            isTidied.store(false, ordering: .releasing)
            _ = core.threads.submit { [weak self] in self?.tidy() }
            return snapshot()
        }
        core.setEvictor { [weak self] need in self?.evict(need) ?? 0 }
        _ = core.threads.submit { [weak self] in self?.tidy() }
    }

    deinit { close() }

    /// The newest version seen of `key`; from memory after the first success.
    package func latest(_ key: ResultKey) throws(CacheError) -> ResultRecord? {
        if let record = known.withLock({ $0[key] }) { return record }
        guard let record = try core.index.latest(key) else { return nil }
        return known.withLock { known in
            // Another may have been added meanwhile.
            if let newer = known[key] { return newer }
            known[key] = record
            return record
        }
    }

    /// A version of `key`, whether or not it is the newest; nil if it was never recorded.
    package func version(_ number: Int, of key: ResultKey) throws(CacheError) -> ResultRecord? {
        if let record = try latest(key), record.version == number { return record }
        return try core.index.version(number, of: key)
    }

    /// The projects of which results are known, sorted.
    package func projects() throws(CacheError) -> [String] { try core.index.projects() }

    /// The newest version of each known result of `project`, sorted by task.
    package func results(of project: String) throws(CacheError) -> [ResultRecord] {
        try core.index.results(of: project)
    }

    /// Records `new` as the next version of its key. Kept in the index for good.
    package func add(_ new: NewResult) throws(CacheError) -> ResultRecord {
        try add(new, id: .random()) { _ in [] }
    }

    /// Takes a body of unknown length for `key`.
    package func spool(for key: ResultKey) throws(CacheError) -> Spool {
        if core.isClosed { throw .closed }
        let id = VersionID.random()
        files.withLock { _ = $0.spools.insert(id) }
        do throws(CacheError) {
            return Spool(key, id, cache: self, data: try DataFile(core.directory.dataFile(id), isNew: true))
        } catch {
            files.withLock { _ = $0.spools.remove(id) }
            throw error
        }
    }

    /// The inode number of `path` in its `variant` (a content version, a refusal): the one it got first, else
    /// `preferred`, else the next that is free. Never 0 or 1. Reaches the index within `indexDelay`.
    package func inodeNumber(path: String, variant: String, preferred: UInt64) throws(CacheError) -> UInt64 {
        // What is in memory is never waited for, whatever the index's disk does.
        if let number = inodes.withLock({ $0.number(of: path, variant) }) { return number }
        return try numbering.withLock { _ throws(CacheError) in
            if let number = inodes.withLock({ $0.number(of: path, variant) }) { return number }
            if let number = try core.index.inode(path, variant), number > 1,
                inodes.withLock({ $0.give(number, to: path, variant) })
            {
                return number
            }
            var number = max(preferred, 2)
            while try core.index.owner(ofInode: number) != nil
                || !inodes.withLock({ $0.give(number, to: path, variant) })
            {
                number = max(number &+ 1, 2)
            }
            core.index.enqueue(.inode(number, path: path, variant: variant))
            return number
        }
    }

    /// What `inodeNumber` gave `number` to.
    package func path(ofInode number: UInt64) throws(CacheError) -> (path: String, variant: String)? {
        if let owner = inodes.withLock({ $0.owner(of: number) }) { return owner }
        return try core.index.owner(ofInode: number)
    }

    /// Keeps the last task list of `project`, as opaque bytes. Is in the index on return, unless the disk fails: whoever
    /// goes on with a directory in a later run finds the names that were there.
    package func storeTasks(_ json: [UInt8], of project: String) {
        core.index.commitOrEnqueue([.tasks(json, project: project, at: core.settings.now())])
    }

    /// The last list kept for `project`.
    package func tasks(of project: String) throws(CacheError) -> [UInt8]? {
        // A list that is still queued is the last one; should the disk be full, the one before has to do.
        try? core.index.commit()
        return try core.index.tasks(of: project)
    }

    /// From memory: never waits for the disk. Now and then it has the disk looked at.
    package func usage() -> CacheUsage {
        if !core.watch.isSuspect, core.ledger.claimRefresh() { _ = core.threads.submit { [core] in core.look() } }
        var usage = core.ledger.usage(
            replacedIndexes: core.index.replacements, disk: core.watch.health, memoryUsed: core.memory.used,
            memoryLimit: core.memory.limit)
        (usage.pinned, usage.pinnedResults) = pins.withLock { ($0.bytes, $0.count) }
        return usage
    }

    /// The unit of results that are seen from now on, in bytes.
    package var blockSize: Int { core.settings.blockSize }

    /// What a cache directory of this format says of itself.
    package static var format: String { String(CacheDirectory.format.dropLast()) }

    /// Whether the data files lie on overlayfs, as in containers: a file system over another.
    package var isOnOverlay: Bool { core.directory.isOnOverlay }

    /// Brings the disk and the index up to date with everything that had arrived before the call.
    package func flush() throws(CacheError) {
        core.writes.drain()
        try core.index.commit()
    }

    /// Syncs the data, records the clean stop, and unlocks. A second call does nothing. Afterwards nothing can be written;
    /// bytes of held blocks that were readable stay so for those who hold the file.
    package func close() {
        guard core.claimClose() else { return }
        core.writes.drain()
        let isStuck = core.watch.isStuck
        core.stopThreads()
        // What was not tidied up is for the next run to do.
        let isClean = !isStuck && recordCleanStop() && isTidied.load(ordering: .acquiring)
        core.index.close(isClean: isClean)
        // The lock goes last: whoever gets it finds everything written.
        if let ownLock { CacheLock.release(ownLock) }
    }
}

extension BlockCache {
    /// - Parameter content: What else is to be recorded with the version, or not at all.
    func add(
        _ new: NewResult, id: VersionID, with content: (VersionID) -> [IndexChange]
    ) throws(CacheError) -> ResultRecord {
        precondition(new.size >= 0, "a size is not negative")
        return try adding.withLock { _ throws(CacheError) in
            if core.isClosed { throw .closed }
            let version = (try latest(new.key)?.version ?? -1) + 1
            let record = ResultRecord(
                key: new.key, version: version, size: new.size, details: new.details, id: id,
                blockSize: core.settings.blockSize)
            // On a full or failing disk it is kept in memory and written later.
            let changes = [.version(record, usedAt: core.settings.now())] + content(id) + movePin(to: record)
            core.index.commitOrEnqueue(changes)
            known.withLock { $0[new.key] = record }
            return record
        }
    }

    /// What is in memory, for an index that was begun anew.
    private func snapshot() -> [IndexChange] {
        let live = files.withLock { Array($0.live.values) }
        let records = Set(known.withLock { Array($0.values) }).union(live.map(\.record))
        let time = core.settings.now()
        var changes = records.sorted { $0.version < $1.version }.map { IndexChange.version($0, usedAt: time) }
        for file in live {
            for (block, checksum) in file.state.withLock({ $0.map.checksums }) {
                changes.append(.block(file.record.id, block, checksum, charge: 0))
            }
        }
        return changes + pins.withLock { $0.changes } + inodes.withLock { $0.changes }
    }
}

extension VersionID {
    static func random() -> VersionID { VersionID(rawValue: .random(in: 1...Int64.max)) }
}
