// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import SystemPackage

extension BlockCache {
    /// Evicts what was least recently used. On the thread that writes.
    ///
    /// - Returns: The space that was given back, in bytes.
    func evict(_ need: Int64) -> Int64 {
        let (unused, live) = files.withLock { files in
            // In this order: a copy counts as a user.
            let unused = files.unused()
            return (unused, files.live)
        }
        let pinned = pins.withLock { $0 }
        var results = live.values.filter { !pinned.contains($0.record.id) }.map { file in
            let blocks = file.evictable
            return EvictionOrder.Result(
                id: file.record.id, lastUse: file.usedAt.load(ordering: .relaxed),
                bytes: blocks.reduce(0) { $0 + $1.bytes }, blocks: unused.contains(file.record.id) ? nil : blocks)
        }
        results.removeAll { $0.bytes == 0 }
        results += (try? core.index.leastRecentlyUsed(256, except: Set(live.keys))) ?? []
        var freed: Int64 = 0
        let sizes = Dictionary(results.map { ($0.id, $0.bytes) }) { $1 }
        for victim in EvictionOrder.victims(among: results, need: need) {
            switch victim {
            case .result(let id):
                if let file = live[id] {
                    freed += file.evict(file.evictable.map(\.number))
                } else {
                    freed += remove(id, bytes: sizes[id] ?? 0)
                }
            case .blocks(let blocks, let id): freed += live[id]?.evict(blocks) ?? 0
            }
        }
        return freed
    }

    /// Gives up all blocks of a version that is not in use; what is known of it stays.
    func remove(_ id: VersionID, bytes: Int64) -> Int64 {
        loading.withLock { _ in
            let isUsed = files.withLock { files in
                if files.live[id] != nil || files.spools.contains(id) { return true }
                files.settled[id] = nil
                return false
            }
            if isUsed { return 0 }
            // In this order: the index never names what is gone.
            core.index.commitOrEnqueue([.evicted(id, charge: bytes)])
            _ = core.directory.dataFile(id).withPlatformString { unlink($0) }
            core.ledger.release(bytes)
            return bytes
        }
    }
}

extension OpenFiles {
    /// Those that nobody but this holds.
    mutating func unused() -> Set<VersionID> {
        var unused: Set<VersionID> = []
        for id in Array(live.keys) {
            // A dictionary's value is the one reference left if no one else uses the file.
            guard var file = live.removeValue(forKey: id) else { continue }
            if isKnownUniquelyReferenced(&file) { unused.insert(id) }
            live[id] = file
        }
        return unused
    }
}
