// SPDX-License-Identifier: Apache-2.0

import GRDB

/// Each of these reads the file. What was queued and not yet written is not seen; rows that do not hold are passed over.
extension Index {
    func latest(_ key: ResultKey) throws(CacheError) -> ResultRecord? {
        try access { database in
            let rows = try database.rows(
                "SELECT \(ResultRecord.columns) FROM version WHERE project = ? AND task = ? ORDER BY number DESC",
                [key.project, key.task])
            while let row = try rows.next() {
                if let record = ResultRecord(row), record.key == key { return record }
            }
            return nil
        }
    }

    func version(_ number: Int, of key: ResultKey) throws(CacheError) -> ResultRecord? {
        try access { database in
            let rows = try database.rows(
                "SELECT \(ResultRecord.columns) FROM version WHERE project = ? AND task = ? AND number = ?",
                [key.project, key.task, number])
            guard let row = try rows.next(), let record = ResultRecord(row), record.key == key else { return nil }
            return record
        }
    }

    func projects() throws(CacheError) -> [String] {
        // Steps from one project to the next through the key's index, however many results each has.
        try access { database in
            let rows = try database.rows(
                """
                WITH RECURSIVE step(project) AS (
                    SELECT min(project) FROM version
                    UNION ALL
                    SELECT (SELECT min(project) FROM version WHERE project > step.project) FROM step
                    WHERE step.project IS NOT NULL)
                SELECT project FROM step WHERE project IS NOT NULL
                """)
            var projects: [String] = []
            while let row = try rows.next() {
                if let project = row.text(at: 0) { projects.append(project) }
            }
            return projects
        }
    }

    /// The newest version of each, by task.
    func results(of project: String) throws(CacheError) -> [ResultRecord] {
        try access { database in
            let rows = try database.rows(
                "SELECT \(ResultRecord.columns) FROM version WHERE project = ? ORDER BY task, number DESC", [project])
            var records: [ResultRecord] = []
            while let row = try rows.next() {
                guard let record = ResultRecord(row), record.key.project == project else { continue }
                if records.last?.key != record.key { records.append(record) }
            }
            return records
        }
    }

    func blocks(of id: VersionID) throws(CacheError) -> [(number: Int, checksum: CRC32C)] {
        try access { database in
            let rows = try database.rows("SELECT number, checksum FROM block WHERE version = ?", [id.rawValue])
            var blocks: [(number: Int, checksum: CRC32C)] = []
            while let row = try rows.next() {
                guard let number = row.number(at: 0), let value = row.number(at: 1).flatMap({ UInt32(exactly: $0) })
                else { continue }
                blocks.append((Int(number), CRC32C(value)))
            }
            return blocks
        }
    }

    func cleanMark(_ id: VersionID) throws(CacheError) -> CleanMark? {
        try access { database in
            let rows = try database.rows("SELECT \(CleanMark.columns) FROM clean WHERE version = ?", [id.rawValue])
            guard let row = try rows.next() else { return nil }
            return CleanMark(row, of: id)
        }
    }

    func inode(_ path: String, _ variant: String) throws(CacheError) -> UInt64? {
        try access { database in
            let rows = try database.rows(
                "SELECT number, row_check FROM inode WHERE path = ? AND variant = ?", [path, variant])
            guard let row = try rows.next(), let number = row.number(at: 0).map({ UInt64(bitPattern: $0) }),
                row.number(at: 1) == Int64(IndexChange.check(inode: number, path, variant))
            else { return nil }
            return number
        }
    }

    func owner(ofInode number: UInt64) throws(CacheError) -> (path: String, variant: String)? {
        try access { database in
            let rows = try database.rows(
                "SELECT path, variant, row_check FROM inode WHERE number = ?", [Int64(bitPattern: number)])
            guard let row = try rows.next(), let path = row.text(at: 0), let variant = row.text(at: 1),
                row.number(at: 2) == Int64(IndexChange.check(inode: number, path, variant))
            else { return nil }
            return (path, variant)
        }
    }

    func tasks(of project: String) throws(CacheError) -> [UInt8]? {
        try access { database in
            let rows = try database.rows(
                "SELECT content, stored_at, row_check FROM task_list WHERE project = ?", [project])
            guard let row = try rows.next(), let content = row.bytes(at: 0), let time = row.number(at: 1),
                row.number(at: 2) == Int64(IndexChange.check(tasks: content, project, time))
            else { return nil }
            return content
        }
    }

    func contains(_ id: VersionID) throws(CacheError) -> Bool {
        try access { try $0.rows("SELECT 1 FROM version WHERE id = ?", [id.rawValue]).next() != nil }
    }
}
