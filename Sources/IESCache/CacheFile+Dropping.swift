// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bytes that go.
extension CacheFile {
    /// Forgets a held block, in the index too, and gives its space back.
    func drop(_ block: Int) throws(CacheError) {
        try changes.withLock { isMarked throws(CacheError) in
            try unmark(&isMarked)
            let (range, charge, isPinned) = state.withLock {
                ($0.map.range(of: block), $0.drop(block), Self.isPinned($0))
            }
            hasAll.store(false, ordering: .releasing)
            drops.add(1, ordering: .sequentiallyConsistent)
            core.index.enqueue(.dropped(record.id, block, charge: charge))
            // A kernel that reads the file by itself would get zeros.
            if !isPinned { data.punch(range) }
            core.ledger.release(charge)
        }
    }

    /// To be called before the file's content changes, with `changes` locked.
    func unmark(_ isMarked: inout Bool) throws(CacheError) {
        state.withLock { $0.mark = nil }
        guard isMarked else { return }
        try core.index.removeCleanMark(record.id)
        isMarked = false
    }

    /// Forgets what has arrived of unfinished blocks, and gives the space back.
    func dropUnfinished() {
        changes.withLock { _ in
            let (ranges, charge) = state.withLock { state in
                var ranges: [Range<Int64>] = []
                var charge: Int64 = 0
                // The index may lack blocks that were held when the kernel began to read the file by itself.
                if Self.isPinned(state) { return (ranges, charge) }
                for block in Array(state.map.pieces.keys) {
                    ranges.append(state.map.range(of: block))
                    charge += state.drop(block)
                }
                if !ranges.isEmpty { state.mark = nil }
                return (ranges, charge)
            }
            if ranges.isEmpty { return }
            drops.add(1, ordering: .sequentiallyConsistent)
            for range in ranges { data.punch(range) }
            core.ledger.release(charge)
        }
    }
}

/// Eviction: on the thread that writes.
extension CacheFile {
    /// What could be evicted, each block with its last use and its space; nothing while the file is pinned.
    var evictable: [EvictionOrder.Block] {
        state.withLock { state in
            if Self.isPinned(state) { return [] }
            return (Array(state.map.checksums.keys) + Array(state.map.pieces.keys)).map { block in
                EvictionOrder.Block(
                    number: block, lastUse: state.uses[block] ?? 0, bytes: state.map.charge(of: block))
            }
        }
    }

    /// Gives up blocks, finished or not. Their rows go before their bytes, so that the index never names what is gone.
    ///
    /// - Returns: The space that was given back, in bytes; 0 if the file has been pinned.
    func evict(_ blocks: [Int]) -> Int64 {
        let rows = state.withLock { state -> [IndexChange] in
            if Self.isPinned(state) { return [] }
            return blocks.filter { state.map.checksums[$0] != nil }.map {
                .dropped(record.id, $0, charge: state.map.charge(of: $0))
            }
        }
        core.index.commitOrEnqueue(rows)
        return changes.withLock { isMarked in
            do throws(CacheError) {
                try unmark(&isMarked)
            } catch {
                return 0
            }
            let (ranges, charge, restored) = state.withLock { state -> (ByteRanges, Int64, [IndexChange]) in
                var ranges = ByteRanges()
                var charge: Int64 = 0
                if Self.isPinned(state) {
                    return (ranges, 0, blocks.compactMap { state.row(of: $0, in: record.id) })
                }
                for block in blocks {
                    ranges.insert(state.map.range(of: block))
                    charge += state.drop(block)
                }
                return (ranges, charge, [])
            }
            for row in restored { core.index.enqueue(row) }
            if ranges.count == 0 { return 0 }
            hasAll.store(false, ordering: .releasing)
            drops.add(1, ordering: .sequentiallyConsistent)
            for range in ranges.ranges { data.punch(range) }
            core.ledger.release(charge)
            return charge
        }
    }
}

extension CacheFile.State {
    /// - Returns: The space it took on the disk, in bytes.
    mutating func drop(_ block: Int) -> Int64 {
        let charge = map.charge(of: block)
        bypassed.remove(map.range(of: block))
        map.drop(block)
        uses[block] = nil
        isSettled = false
        unsynced.remove(block)
        return charge
    }

    /// The index's row of a held block.
    func row(of block: Int, in id: VersionID) -> IndexChange? {
        map.checksums[block].map { .block(id, block, $0, charge: map.charge(of: block)) }
    }
}
