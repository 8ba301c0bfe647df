// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import SystemPackage

/// The data files in use.
struct OpenFiles {
    /// Those in use, and some that were: what has arrived of their unfinished blocks is known nowhere else.
    var live: [VersionID: CacheFile] = [:]
    /// When so many are open, those not in use are let go.
    var trimAt = Self.kept
    /// What files that were let go looked like: all they hold was believed, but it may not have been synced.
    var settled: [VersionID: CleanMark] = [:]
    /// Bodies of unknown length that are being taken.
    var spools: Set<VersionID> = []
    /// Whose data files the kernel reads by itself since an earlier run, see `BlockCache.protect`.
    var protected: Set<VersionID> = []

    /// Each takes a descriptor.
    static let kept = 512

    mutating func insert(_ file: CacheFile) {
        live[file.record.id] = file
        settled[file.record.id] = nil
        guard live.count >= trimAt else { return }
        for id in Array(live.keys) where id != file.record.id {
            // A dictionary's value is the one reference left if no one else uses the file.
            guard var kept = live.removeValue(forKey: id) else { continue }
            guard isKnownUniquelyReferenced(&kept) else {
                live[id] = kept
                continue
            }
            kept.dropUnfinished()
            kept.recordUse()
            settled[id] = kept.appearance()
        }
        trimAt = max(Self.kept, 2 * live.count)
    }
}

extension BlockCache {
    /// The data of one version: always the same object for the same version, as long as someone holds it.
    ///
    /// Reads the index and the data file's status. It holds an open descriptor while it lives.
    package func file(for record: ResultRecord) throws(CacheError) -> CacheFile {
        try file(for: record, lastUse: nil)
    }

    /// - Parameter lastUse: What stays the time of its last use, for who only looks into it; nil: it is used now.
    func file(for record: ResultRecord, lastUse: Int64?) throws(CacheError) -> CacheFile {
        if let file = files.withLock({ $0.live[record.id] }) {
            if lastUse == nil { file.noteUse() }
            return file
        }
        return try loading.withLock { _ throws(CacheError) in
            if core.isClosed { throw .closed }
            if let file = files.withLock({ $0.live[record.id] }) { return file }
            let file = try load(record)
            if let lastUse {
                file.usedAt.store(lastUse, ordering: .relaxed)
            } else {
                core.index.enqueue(.use(record.id, at: core.settings.now()))
            }
            return adopt(file)
        }
    }

    func adopt(_ file: CacheFile) -> CacheFile {
        files.withLock { files in
            files.spools.remove(file.record.id)
            files.insert(file)
        }
        return file
    }

    func discarded(_ spool: Spool) {
        files.withLock { _ = $0.spools.remove(spool.id) }
    }

    private func load(_ record: ResultRecord) throws(CacheError) -> CacheFile {
        // What is still queued belongs to the picture. A full disk costs only blocks that are fetched again.
        try? core.index.commit()
        var map = BlockMap(size: record.size, blockSize: record.blockSize)
        for block in try unlessDiskFails(core.index.blocks(of: record.id)) ?? [] {
            map.restore(block.number, block.checksum)
        }
        let recorded = try unlessDiskFails(core.index.cleanMark(record.id)) ?? nil
        let path = core.directory.dataFile(record.id)
        let data: DataFile
        if let opened = try unlessDiskFails(DataFile(path)) {
            data = opened
        } else {
            data = try DataFile(asFarAsPossible: path)
        }
        data.setLengthOfNew(record.size)
        let status = try data.status()
        let digest = map.digest
        let marks = [recorded, files.withLock { $0.settled[record.id] }]
        let mark = marks.compactMap { $0 }.first { $0.status == status && $0.digest == digest }
        let isProtected = files.withLock { $0.protected.contains(record.id) }
        if mark == nil, !isProtected { Self.punchLeftovers(of: map, in: data, status) }
        let file = CacheFile(
            record, core: core, data: data, map: map, mark: mark, isMarkSynced: mark != nil && mark == recorded,
            isMarked: recorded != nil)
        if isProtected { file.state.withLock { $0.pins += 1 } }
        return file
    }

    /// Nil if the disk fails, or is full: what was asked of it can be had from the service.
    private func unlessDiskFails<Value: ~Copyable>(
        _ body: @autoclosure () throws(CacheError) -> Value
    ) throws(CacheError) -> Value? {
        do throws(CacheError) {
            return try body()
        } catch {
            switch error {
            case .full, .disk, .index, .noRoom: return nil
            case .closed, .inUse, .unusable, .tooSmall, .tooLarge, .pinsFull: throw error
            }
        }
    }

    /// Gives back the space of blocks that were begun in a run that was cut off.
    private static func punchLeftovers(of map: BlockMap, in data: borrowing DataFile, _ status: FileStatus) {
        guard status.allocated > BlockMap.charge(ofBytes: map.present.count), !map.isComplete else { return }
        for gap in map.present.gaps(in: 0..<min(map.size, max(status.size, 0))) { data.punch(gap) }
    }
}

extension BlockCache {
    /// Syncs every file that was used, and records what it looks like.
    /// - Returns: Whether all went well.
    func recordCleanStop() -> Bool {
        let (live, settled) = files.withLock { (Array($0.live.values), $0.settled) }
        var marks: [IndexChange] = []
        do throws(CacheError) {
            for file in live {
                file.dropUnfinished()
                marks.append(.use(file.record.id, at: file.usedAt.load(ordering: .relaxed)))
                if let mark = try file.settle() { marks.append(.clean(file.record.id, mark)) }
            }
            for (id, mark) in settled {
                let data = try DataFile(core.directory.dataFile(id))
                try data.sync()
                if try data.status() == mark.status { marks.append(.clean(id, mark)) }
            }
            try core.index.commit(marks)
            return true
        } catch {
            core.logger.warning(
                "the cache could not be closed in order; what it holds will be verified again",
                metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension CacheFile {
    /// Queues the time of the last use for the index.
    func recordUse() { core.index.enqueue(.use(record.id, at: usedAt.load(ordering: .relaxed))) }

    /// What the file looks like, if all it holds is believed and the index does not have a record of it.
    func appearance() -> CleanMark? {
        changes.withLock { isMarked in
            let digest = state.withLock { $0.map.hasDoubts || $0.map.checksums.isEmpty ? nil : $0.map.digest }
            guard !isMarked, let digest, let status = try? data.status() else { return nil }
            return CleanMark(status: status, digest: digest)
        }
    }

    /// The same, after bringing the data to the disk.
    fileprivate func settle() throws(CacheError) -> CleanMark? {
        guard appearance() != nil else { return nil }
        try syncOrDrop()
        return appearance()
    }
}
