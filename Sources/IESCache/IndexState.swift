// SPDX-License-Identifier: Apache-2.0

import GRDB

extension IndexChange {
    func write(_ database: Database, ignoringSpace: Bool) throws { _ = try write(database) }
}

extension Database {
    /// `nil` if it was never written, or the row does not hold.
    func state(_ name: IndexChange.StateName) throws -> Int64? {
        let rows = try rows("SELECT value, row_check FROM state WHERE name = ?", [name.rawValue])
        guard let row = try rows.next(), let value = row.number(at: 0),
            row.number(at: 1) == Int64(IndexChange.check(name, value))
        else { return nil }
        return value
    }

    /// The space of all blocks, in bytes; reads all of the index.
    func space() throws -> Int64 {
        let rows = try rows(
            """
            SELECT \(ResultRecord.columns), count(*), max(block.number)
            FROM version JOIN (SELECT version AS owner, number FROM block) AS block ON block.owner = version.id
            GROUP BY version.id
            """)
        var space: Int64 = 0
        while let row = try rows.next() {
            guard let record = ResultRecord(row), let count = row.number(at: 14), let last = row.number(at: 15) else {
                continue
            }
            space += BlockMap(size: record.size, blockSize: record.blockSize).charge(ofBlocks: count, last: last)
        }
        return space
    }
}
