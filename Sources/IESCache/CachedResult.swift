// SPDX-License-Identifier: Apache-2.0

import GRDB

/// One version of a result as the index has it: what of it is on the disk.
package struct CachedResult: Hashable, Sendable {
    package let record: ResultRecord
    /// The space of its blocks on the disk, in bytes.
    package let space: Int64
    package let isComplete: Bool
    package let isPinned: Bool
    /// In seconds since 1970.
    package let lastUse: Int64
}

extension Index {
    /// The space of a version's blocks, in bytes.
    func space(of record: ResultRecord) throws(CacheError) -> Int64 {
        try? commit()
        return try access { database in
            let rows = try database.rows(
                "SELECT count(*), max(number) FROM block WHERE version = ?", [record.id.rawValue])
            guard let row = try rows.next(), let held = row.number(at: 0), let last = row.number(at: 1) else {
                return 0
            }
            return BlockMap(size: record.size, blockSize: record.blockSize).charge(ofBlocks: held, last: last)
        }
    }

    /// Versions in the order of their ids, at most `count`; those of one key, or all after `id`.
    func contents(
        of key: ResultKey? = nil, after id: VersionID = VersionID(rawValue: .min), _ count: Int, pins: Pins
    ) throws(CacheError) -> [CachedResult] {
        try access { database in
            let rows = try database.rows(
                """
                SELECT \(ResultRecord.columns), used_at, (SELECT count(*) FROM block WHERE version = id),
                    (SELECT max(number) FROM block WHERE version = id)
                FROM version WHERE id > ? \(key == nil ? "" : "AND project = ? AND task = ?") ORDER BY id LIMIT ?
                """,
                StatementArguments([id.rawValue]) + StatementArguments(key.map { [$0.project, $0.task] } ?? [])
                    + StatementArguments([count]))
            var results: [CachedResult] = []
            while let row = try rows.next() {
                guard let record = ResultRecord(row), let lastUse = row.number(at: 14),
                    let held = row.number(at: 15), key == nil || record.key == key
                else { continue }
                let map = BlockMap(size: record.size, blockSize: record.blockSize)
                results.append(
                    CachedResult(
                        record: record,
                        space: held == 0 ? 0 : map.charge(ofBlocks: held, last: row.number(at: 16) ?? -1),
                        isComplete: held == Int64(map.blockCount), isPinned: pins.contains(record.id), lastUse: lastUse)
                )
            }
            return results
        }
    }
}
