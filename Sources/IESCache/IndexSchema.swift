// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import SystemPackage

/// The index's tables, and how a database file becomes an index.
enum IndexSchema {
    /// Rows carry a checksum of their own fields (`RowCheck`): a row whose check does not hold counts as absent. Blocks
    /// need none, as their own checksum would not hold either.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator().disablingDeferredForeignKeyChecks()
        migrator.registerMigration("1: results, blocks, inodes, task lists") { database in
            try database.execute(
                sql: """
                    CREATE TABLE version (
                        id INTEGER PRIMARY KEY, project TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL,
                        size INTEGER NOT NULL, block_size INTEGER NOT NULL, etag TEXT, last_modified TEXT,
                        media_type TEXT, filename TEXT, modified_seconds INTEGER NOT NULL,
                        modified_nanoseconds INTEGER NOT NULL, origin_url TEXT, used_at INTEGER NOT NULL,
                        row_check INTEGER NOT NULL, UNIQUE (project, task, number));
                    CREATE TABLE block (
                        version INTEGER NOT NULL, number INTEGER NOT NULL, checksum INTEGER NOT NULL,
                        PRIMARY KEY (version, number)) WITHOUT ROWID;
                    CREATE TABLE clean (
                        version INTEGER PRIMARY KEY, size INTEGER NOT NULL, inode INTEGER NOT NULL,
                        modified_seconds INTEGER NOT NULL, modified_nanoseconds INTEGER NOT NULL,
                        changed_seconds INTEGER NOT NULL, changed_nanoseconds INTEGER NOT NULL,
                        digest INTEGER NOT NULL, row_check INTEGER NOT NULL);
                    CREATE TABLE inode (
                        number INTEGER PRIMARY KEY, path TEXT NOT NULL, variant TEXT NOT NULL,
                        row_check INTEGER NOT NULL, UNIQUE (path, variant));
                    CREATE TABLE task_list (
                        project TEXT PRIMARY KEY, content BLOB NOT NULL, stored_at INTEGER NOT NULL,
                        row_check INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE state (
                        name TEXT PRIMARY KEY, value INTEGER NOT NULL, row_check INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2: pins") { database in
            try database.execute(
                sql: "CREATE TABLE pin (version INTEGER PRIMARY KEY, row_check INTEGER NOT NULL)")
        }
        return migrator
    }

    /// Opens or creates the index at `path`, and looks at it as far as can be done without reading it all.
    static func open(_ path: FilePath) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.label = "iesfs-index"
        configuration.prepareDatabase { database in
            // Exclusive: without a shared-memory file next to it, nothing of the index is read unchecked from a mapping.
            try database.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA journal_mode = WAL;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    """)
            try setSynchronous(database, full: false)
        }
        let queue = try DatabaseQueue(path: path.string, configuration: configuration)
        do {
            let isKnown = try queue.writeWithoutTransaction { try !migrator.hasBeenSuperseded($0) }
            guard isKnown else { throw IndexDamage(reason: "it was written by another version of iesfs") }
            try migrator.migrate(queue)
            let fresh = try DatabaseQueue()
            try migrator.migrate(fresh)
            guard try definitions(queue) == definitions(fresh) else {
                throw IndexDamage(reason: "its tables are not as they should be")
            }
        } catch {
            try? queue.close()
            throw error
        }
        return queue
    }

    /// NORMAL: a commit is ordered but not synced, so a power cut may cost the last commits. They name what is on the
    /// disk; without them it is fetched again. FULL where something must not come back: the record of a clean stop.
    static func setSynchronous(_ database: Database, full: Bool) throws {
        try database.execute(sql: full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
    }

    private static func definitions(_ queue: DatabaseQueue) throws -> [String] {
        try queue.writeWithoutTransaction { database in
            var texts: [String] = []
            let rows = try Row.fetchCursor(database, sql: "SELECT type, name, tbl_name, sql FROM sqlite_master")
            while let row = try rows.next() {
                texts.append((0..<4).map { row.text(at: $0) ?? "-" }.joined(separator: " "))
            }
            return texts.sorted()
        }
    }
}

/// The index holds what it cannot hold.
struct IndexDamage: Error, CustomStringConvertible {
    let reason: String
    var description: String { reason }

    /// Whether `error`, met in an index that had been opened, means that it has to be begun anew.
    static func isMeant(by error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return error is IndexDamage }
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_SCHEMA,
            .SQLITE_INTERNAL, .SQLITE_FORMAT, .SQLITE_TOOBIG:
            return true
        default: return false
        }
    }
}

/// Whatever a damaged file makes SQLite say, these do not trap.
extension Row {
    func number(at index: Int) -> Int64? {
        let value: DatabaseValue = self[index]
        guard case .int64(let number) = value.storage else { return nil }
        return number
    }

    func text(at index: Int) -> String? {
        let value: DatabaseValue = self[index]
        guard case .string(let text) = value.storage else { return nil }
        return text
    }

    func bytes(at index: Int) -> [UInt8]? {
        let value: DatabaseValue = self[index]
        guard case .blob(let data) = value.storage else { return nil }
        return [UInt8](data)
    }
}
