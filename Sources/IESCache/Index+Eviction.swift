// SPDX-License-Identifier: Apache-2.0

import GRDB

extension Index {
    /// At most `count` versions that have blocks, the least recently used first, without those in `except` and those
    /// that are pinned.
    func leastRecentlyUsed(_ count: Int, except: Set<VersionID>) throws(CacheError) -> [EvictionOrder.Result] {
        try? commit()
        return try access { database in
            let rows = try database.rows(
                """
                SELECT id, used_at, size, block_size, (SELECT count(*) FROM block WHERE version = id),
                    (SELECT max(number) FROM block WHERE version = id)
                FROM version
                WHERE EXISTS (SELECT 1 FROM block WHERE version = id) AND id NOT IN (SELECT version FROM pin)
                ORDER BY used_at LIMIT ?
                """, [count + except.count])
            var results: [EvictionOrder.Result] = []
            while results.count < count, let row = try rows.next() {
                let numbers = (0..<6).compactMap { row.number(at: $0) }
                guard numbers.count == 6, let blockSize = Int(exactly: numbers[3]), blockSize > 0, numbers[2] >= 0
                else {
                    continue
                }
                let id = VersionID(rawValue: numbers[0])
                if except.contains(id) { continue }
                let map = BlockMap(size: numbers[2], blockSize: blockSize)
                results.append(
                    EvictionOrder.Result(
                        id: id, lastUse: numbers[1], bytes: map.charge(ofBlocks: numbers[4], last: numbers[5])))
            }
            return results
        }
    }

    /// Writes `changes` at once; later if the disk does not let it, as it may be full.
    func commitOrEnqueue(_ changes: [IndexChange]) {
        if changes.isEmpty { return }
        do throws(CacheError) {
            try commit(changes)
        } catch {
            for change in changes { enqueue(change) }
        }
    }
}

extension BlockMap {
    /// The disk space of `count` held blocks of which `last` has the highest number, in bytes.
    func charge(ofBlocks count: Int64, last: Int64) -> Int64 {
        let whole = BlockMap.charge(ofBytes: blockSize) * count
        guard last == Int64(blockCount) - 1 else { return whole }
        let range = range(of: Int(last))
        return whole - BlockMap.charge(ofBytes: blockSize)
            + BlockMap.charge(ofBytes: range.upperBound - range.lowerBound)
    }
}
