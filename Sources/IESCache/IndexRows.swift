// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB

/// A change to the index that can wait, and can be written twice without harm.
enum IndexChange: Sendable {
    case version(ResultRecord, usedAt: Int64)
    /// The bytes of a block are in its file.
    case block(VersionID, Int, CRC32C, charge: Int64)
    case dropped(VersionID, Int, charge: Int64)
    /// All blocks of a version, and the record of a clean stop.
    case evicted(VersionID, charge: Int64)
    case use(VersionID, at: Int64)
    case inode(UInt64, path: String, variant: String)
    case tasks([UInt8], project: String, at: Int64)
    case clean(VersionID, CleanMark)
    /// Whether a version is never to be evicted.
    case pin(VersionID, Bool)
    case state(StateName, Int64)

    enum StateName: String {
        /// Disk space of the blocks in the index, in bytes.
        case used
        /// 1 if the last run came to its end.
        case stopped
    }
}

/// What a data file looked like, and what it held, when a run ended in order and its data was synced.
struct CleanMark: Hashable, Sendable {
    var status: FileStatus
    /// `BlockMap.digest`.
    var digest: UInt32
}

extension IndexChange {
    /// The same changes, without those that a later one makes up for: what waits for a disk must not grow without end.
    static func withoutRepeats(_ changes: [IndexChange]) -> [IndexChange] {
        var projects: Set<String> = []
        var versions: Set<VersionID> = []
        var kept: [IndexChange] = []
        for change in changes.reversed() {
            switch change {
            case .tasks(_, let project, _): if projects.insert(project).inserted { kept.append(change) }
            case .use(let version, _): if versions.insert(version).inserted { kept.append(change) }
            default: kept.append(change)
            }
        }
        return kept.reversed()
    }

    /// - Returns: By how much it changes the space of the blocks in the index.
    func write(_ database: Database) throws -> Int64 {
        switch self {
        case .version(let record, let usedAt):
            try database.run(
                "DELETE FROM version WHERE project = ? AND task = ? AND number >= ?",
                [record.key.project, record.key.task, record.version])
            try database.run(
                "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    record.id.rawValue, record.key.project, record.key.task, record.version, record.size,
                    record.blockSize, record.etag, record.lastModified, record.mediaType, record.filename,
                    record.modified.seconds, record.modified.nanoseconds, record.originURL, usedAt, record.rowCheck,
                ])
        case .block(let id, let number, let checksum, let charge):
            try database.run("INSERT OR IGNORE INTO block VALUES (?, ?, ?)", [id.rawValue, number, checksum.value])
            if database.changesCount > 0 { return charge }
            try database.run(
                "UPDATE block SET checksum = ? WHERE version = ? AND number = ?",
                [checksum.value, id.rawValue, number])
        case .dropped(let id, let number, let charge):
            try database.run("DELETE FROM block WHERE version = ? AND number = ?", [id.rawValue, number])
            return database.changesCount > 0 ? -charge : 0
        case .evicted(let id, let charge):
            try database.run("DELETE FROM clean WHERE version = ?", [id.rawValue])
            try database.run("DELETE FROM block WHERE version = ?", [id.rawValue])
            return database.changesCount > 0 ? -charge : 0
        case .use(let id, let time):
            try database.run("UPDATE version SET used_at = ? WHERE id = ?", [time, id.rawValue])
        case .inode(let number, let path, let variant):
            try database.run("DELETE FROM inode WHERE path = ? AND variant = ?", [path, variant])
            try database.run(
                "INSERT OR REPLACE INTO inode VALUES (?, ?, ?, ?)",
                [Int64(bitPattern: number), path, variant, Self.check(inode: number, path, variant)])
        case .tasks(let content, let project, let time):
            try database.run(
                "INSERT OR REPLACE INTO task_list VALUES (?, ?, ?, ?)",
                [project, Data(content), time, Self.check(tasks: content, project, time)])
        case .clean(let id, let mark):
            let status = mark.status
            try database.run(
                "INSERT OR REPLACE INTO clean VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    id.rawValue, status.size, Int64(bitPattern: status.inode), status.modified.seconds,
                    status.modified.nanoseconds, status.changed.seconds, status.changed.nanoseconds, mark.digest,
                    mark.check(id),
                ])
        case .pin(let id, true):
            try database.run("INSERT OR REPLACE INTO pin VALUES (?, ?)", [id.rawValue, Self.check(pin: id)])
        case .pin(let id, false):
            try database.run("DELETE FROM pin WHERE version = ?", [id.rawValue])
        case .state(let name, let value):
            try database.run(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?)", [name.rawValue, value, Self.check(name, value)])
        }
        return 0
    }

    static func check(inode number: UInt64, _ path: String, _ variant: String) -> UInt32 {
        var check = RowCheck()
        check.add(Int64(bitPattern: number))
        check.add(path)
        check.add(variant)
        return check.value
    }

    static func check(tasks content: [UInt8], _ project: String, _ time: Int64) -> UInt32 {
        var check = RowCheck()
        check.add(content)
        check.add(project)
        check.add(time)
        return check.value
    }

    static func check(pin id: VersionID) -> UInt32 {
        var check = RowCheck()
        check.add("pin")
        check.add(id.rawValue)
        return check.value
    }

    static func check(_ name: StateName, _ value: Int64) -> UInt32 {
        var check = RowCheck()
        check.add(name.rawValue)
        check.add(value)
        return check.value
    }
}

extension CleanMark {
    static let columns = """
        size, inode, modified_seconds, modified_nanoseconds, changed_seconds, changed_nanoseconds, digest, row_check
        """

    init?(_ row: Row, of id: VersionID) {
        let numbers = (0..<8).compactMap { row.number(at: $0) }
        guard numbers.count == 8, let modified = Int32(exactly: numbers[3]), let changed = Int32(exactly: numbers[5]),
            let digest = UInt32(exactly: numbers[6])
        else { return nil }
        self.digest = digest
        status = FileStatus(
            size: numbers[0], inode: UInt64(bitPattern: numbers[1]),
            modified: Timestamp(seconds: numbers[2], nanoseconds: modified),
            changed: Timestamp(seconds: numbers[4], nanoseconds: changed), allocated: 0)
        guard Int64(check(id)) == numbers[7] else { return nil }
    }

    func check(_ id: VersionID) -> UInt32 {
        var check = RowCheck()
        for number in [id.rawValue, status.size, Int64(bitPattern: status.inode), Int64(digest)] { check.add(number) }
        for time in [status.modified, status.changed] {
            check.add(time.seconds)
            check.add(Int64(time.nanoseconds))
        }
        return check.value
    }
}

extension ResultRecord {
    static let columns = """
        id, project, task, version.number, size, block_size, etag, last_modified, media_type, filename, modified_seconds, \
        modified_nanoseconds, origin_url, row_check
        """

    /// `nil` if the row is not as it was written.
    init?(_ row: Row) {
        guard let id = row.number(at: 0), let project = row.text(at: 1), let task = row.text(at: 2),
            let version = row.number(at: 3), let size = row.number(at: 4), let blockSize = row.number(at: 5),
            let seconds = row.number(at: 10), let nanoseconds = row.number(at: 11).flatMap({ Int32(exactly: $0) }),
            let check = row.number(at: 13)
        else { return nil }
        self.init(
            key: ResultKey(project: project, task: task), version: Int(version), size: size,
            details: ResultDetails(
                etag: row.text(at: 6), lastModified: row.text(at: 7), mediaType: row.text(at: 8),
                filename: row.text(at: 9), modified: Timestamp(seconds: seconds, nanoseconds: nanoseconds),
                originURL: row.text(at: 12)),
            id: VersionID(rawValue: id), blockSize: Int(blockSize))
        guard Int64(rowCheck) == check, size >= 0, blockSize > 0 else { return nil }
    }

    var rowCheck: UInt32 {
        var check = RowCheck()
        check.add(id.rawValue)
        for text in [key.project, key.task, etag, lastModified, mediaType, filename, originURL] { check.add(text) }
        for number in [Int64(version), size, Int64(blockSize), modified.seconds, Int64(modified.nanoseconds)] {
            check.add(number)
        }
        return check.value
    }
}

extension Database {
    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> RowCursor {
        try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
    }
}
