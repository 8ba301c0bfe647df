// SPDX-License-Identifier: Apache-2.0

import GRDB
import Logging
import Synchronization
import SystemPackage

/// What is known of results and their blocks, in SQLite.
///
/// Changes are queued and written in batches by a thread of the index's own, or with the next `commit`, in order. A
/// damaged file is set aside and begun anew, at the start or whenever it shows. Locks, in the order in which they can be
/// held together: `commits`, `replacing`, then each of the others alone.
final class Index: Sendable {
    private struct Pending {
        var changes: [IndexChange] = []
        /// When the oldest of them has to be written.
        var due = ContinuousClock.Instant.now
        var isUrgent = false
        /// The index was begun anew: what is in memory has to be written down again.
        var wantsSnapshot = false
        var hasStopped = false
    }

    private struct Commits {
        /// `IndexChange.StateName.used`, as in the file.
        var used: Int64 = 0
        var hasWarned = false
    }

    private let directory: CacheDirectory
    private let settings: CacheSettings
    private let logger: Logger
    private let queue: Mutex<DatabaseQueue>
    private let replacing = Mutex(())
    private let commits: Mutex<Commits>
    private let pending = Mutex(Pending())
    private let snapshot = Mutex<(@Sendable () -> [IndexChange])?>(nil)
    private let replaced: Atomic<Int>
    /// Files are there that the index does not know: `used` has to be counted anew.
    private let hasLostCount: Atomic<Bool>
    private let wake: Signal
    private let thread: WorkerThreads

    /// The space of the blocks in the index when it was opened, in bytes.
    let usedAtStart: Int64
    /// What was pinned when it was opened.
    let pinnedAtStart: Pins
    /// Whether the last run came to its end: no data file is unknown to the index.
    let stoppedCleanly: Bool

    /// Opens the index, begins it anew if it cannot be used, and starts the thread.
    init(_ directory: CacheDirectory, settings: CacheSettings, logger: Logger) throws(CacheError) {
        self.directory = directory
        self.settings = settings
        self.logger = logger
        let (queue, isNew) = try Self.open(directory, settings: settings, logger: logger)
        self.queue = Mutex(queue)
        replaced = Atomic(isNew ? 1 : 0)
        wake = try Signal(counting: false)
        thread = try WorkerThreads(count: 1, name: "iesfs-index")
        let state = try? queue.writeWithoutTransaction { database in
            var used = try database.state(.used)
            if used == nil, try database.rows("SELECT 1 FROM block LIMIT 1").next() == nil { used = 0 }
            let stopped = try database.state(.stopped)
            try IndexChange.state(.stopped, 0).write(database, ignoringSpace: true)
            return (used: used ?? -1, stopped: stopped, pinned: try database.pins())
        }
        pinnedAtStart = state?.pinned ?? Pins()
        usedAtStart = max(0, state?.used ?? 0)
        hasLostCount = Atomic((state?.used ?? -1) < 0)
        stoppedCleanly = state?.stopped == 1
        commits = Mutex(Commits(used: usedAtStart))
        _ = thread.submit { [self] in work() }
    }

    /// How often the index was begun anew.
    var replacements: Int { replaced.load(ordering: .relaxed) }

    /// Sets what writes down again what is in memory, for an index that was begun anew.
    func setSnapshot(_ body: @escaping @Sendable () -> [IndexChange]) { snapshot.withLock { $0 = body } }

    /// Queues a change for the thread. `isUrgent` has it written at once.
    func enqueue(_ change: IndexChange, isUrgent: Bool = false) {
        let wakes = pending.withLock { pending in
            if pending.changes.isEmpty { pending.due = .now + settings.indexDelay }
            pending.changes.append(change)
            pending.isUrgent = pending.isUrgent || isUrgent
            return pending.changes.count == 1 || pending.changes.count == settings.indexBatch || isUrgent
        }
        if wakes { wake.send() }
    }

    /// Writes what is queued, and then `changes`, in one transaction.
    func commit(_ changes: [IndexChange] = []) throws(CacheError) {
        try commits.withLock { commits throws(CacheError) in
            let queued = pending.withLock { pending in
                defer { pending.changes = [] }
                pending.isUrgent = false
                return pending.changes
            }
            if queued.isEmpty && changes.isEmpty { return }
            let used = commits.used
            do throws(CacheError) {
                commits.used = try access { database in
                    var now = used
                    try database.inTransaction(.immediate) {
                        for change in queued { now += try change.write(database) }
                        for change in changes { now += try change.write(database) }
                        if now != used {
                            let value = hasLostCount.load(ordering: .relaxed) ? -1 : now
                            try IndexChange.state(.used, value).write(database, ignoringSpace: true)
                        }
                        return .commit
                    }
                    return now
                }
                commits.hasWarned = false
            } catch {
                pending.withLock { pending in
                    pending.changes = IndexChange.withoutRepeats(queued + pending.changes)
                    pending.due = .now + .seconds(1)
                }
                throw error
            }
        }
    }

    /// Counts the space of the blocks in the index, if that is not known, and returns by how much the count was off.
    /// Reads all of it.
    func recount() throws(CacheError) -> Int64 {
        guard hasLostCount.load(ordering: .relaxed) else { return 0 }
        return try commits.withLock { commits throws(CacheError) in
            let used = try access { database in
                let used = try database.space()
                try IndexChange.state(.used, used).write(database, ignoringSpace: true)
                return used
            }
            hasLostCount.store(false, ordering: .relaxed)
            defer { commits.used = used }
            return used - commits.used
        }
    }

    /// Removes the record of a clean stop, and syncs that: only then may the version's file change.
    func removeCleanMark(_ id: VersionID) throws(CacheError) {
        try access { database in
            try IndexSchema.setSynchronous(database, full: true)
            defer { try? IndexSchema.setSynchronous(database, full: false) }
            try database.run("DELETE FROM clean WHERE version = ?", [id.rawValue])
        }
    }

    /// Runs `body` on the index; once more on a new one if this one turns out to be damaged.
    func access<Value>(_ body: (Database) throws -> Value) throws(CacheError) -> Value {
        let first = queue.withLock { $0 }
        do {
            return try first.writeWithoutTransaction(body)
        } catch {
            let isCurrent = queue.withLock { $0 === first }
            if isCurrent {
                guard IndexDamage.isMeant(by: error) else { throw failure(error) }
                try replace(first, because: error)
            }
        }
        do {
            return try queue.withLock { $0 }.writeWithoutTransaction(body)
        } catch {
            throw failure(error)
        }
    }

    /// Writes what is left, and closes the file. `isClean` says that every data file is as the index says.
    func close(isClean: Bool) {
        pending.withLock { $0.hasStopped = true }
        wake.send()
        thread.stop()
        do throws(CacheError) {
            let isKnown = isClean && !hasLostCount.load(ordering: .relaxed)
            try commit([.state(.stopped, isKnown ? 1 : 0)])
        } catch {
            logger.warning("the cache's index could not be brought up to date", metadata: ["error": "\(error)"])
        }
        let queue = queue.withLock { $0 }
        try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? queue.close()
    }
}

extension Index {
    private func work() {
        while true {
            let step = pending.withLock { pending -> (stops: Bool, timeout: Int32) in
                if pending.hasStopped { return (true, 0) }
                if pending.wantsSnapshot || pending.isUrgent || pending.changes.count >= settings.indexBatch {
                    return (false, 0)
                }
                if pending.changes.isEmpty { return (false, -1) }
                let left = (pending.due - .now) / .milliseconds(1)
                return (false, left <= 0 ? 0 : Int32(min(left + 1, 10_000)))
            }
            if step.stops { return }
            if step.timeout != 0 {
                wake.wait(timeout: step.timeout)
            } else if !writeQueued() {
                // The disk is full or fails; what is queued stays queued.
                wake.wait(timeout: 1_000)
            }
        }
    }

    private func writeQueued() -> Bool {
        let wantsSnapshot = pending.withLock { pending in
            defer { pending.wantsSnapshot = false }
            return pending.wantsSnapshot
        }
        let known = wantsSnapshot ? snapshot.withLock { $0 }?() ?? [] : []
        do throws(CacheError) {
            try commit(known)
            return true
        } catch {
            let isFirst = commits.withLock { commits in
                defer { commits.hasWarned = true }
                return !commits.hasWarned
            }
            if isFirst {
                logger.warning("the cache's index cannot be written to", metadata: ["error": "\(error)"])
            }
            if wantsSnapshot { pending.withLock { $0.wantsSnapshot = true } }
            return false
        }
    }

    private func replace(_ damaged: DatabaseQueue, because error: any Error) throws(CacheError) {
        try replacing.withLock { _ throws(CacheError) in
            guard queue.withLock({ $0 === damaged }) else { return }
            // Closed before its files are renamed: closing would otherwise remove its successor's log.
            try? damaged.close()
            let place = try directory.setAside(withData: false, time: settings.now())
            logger.warning(
                "the cache's index is damaged; it was set aside and begun anew",
                metadata: ["reason": "\(error)", "to": "\(place)"])
            do {
                let new = try IndexSchema.open(directory.index)
                queue.withLock { $0 = new }
            } catch {
                throw failure(error)
            }
            replaced.add(1, ordering: .relaxed)
            hasLostCount.store(true, ordering: .relaxed)
            pending.withLock { $0.wantsSnapshot = true }
        }
        wake.send()
    }

    private static func open(
        _ directory: CacheDirectory, settings: CacheSettings, logger: Logger
    ) throws(CacheError) -> (DatabaseQueue, isNew: Bool) {
        var reason = "its format is another version's"
        if try directory.hasOurFormat() {
            do {
                try directory.mark()
                return (try IndexSchema.open(directory.index), false)
            } catch let error as CacheError {
                throw error
            } catch let error as DatabaseError
                where [.SQLITE_FULL, .SQLITE_NOMEM, .SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode)
            {
                throw failure(error, directory)
            } catch {
                reason = "\(error)"
            }
        }
        let place = try directory.setAside(withData: true, time: settings.now())
        logger.warning(
            "the cache could not be used; it was set aside and begun anew",
            metadata: ["reason": "\(reason)", "to": "\(place)"])
        try directory.mark()
        do {
            return (try IndexSchema.open(directory.index), true)
        } catch {
            throw failure(error, directory)
        }
    }

    private func failure(_ error: any Error) -> CacheError { Self.failure(error, directory) }

    private static func failure(_ error: any Error, _ directory: CacheDirectory) -> CacheError {
        if let error = error as? CacheError { return error }
        guard let error = error as? DatabaseError else { return .index(reason: "\(error)") }
        switch error.resultCode {
        case .SQLITE_FULL: return .full(path: directory.index)
        case .SQLITE_MISUSE: return .closed
        default: return .index(reason: error.message ?? "\(error.resultCode)")
        }
    }
}
