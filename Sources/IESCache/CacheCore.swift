// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// What the parts of one cache share.
final class CacheCore: Sendable {
    let settings: CacheSettings
    let directory: CacheDirectory
    let index: Index
    let ledger: Ledger
    let threads: WorkerThreads
    let settling: Settling
    let watch: DiskWatch
    let writes: WriteQueue
    let memory: MemoryBudget
    let buffers = PieceBuffers()
    let logger: Logger
    private let unsynced = Unsynced()
    /// Counts what is written: the order in which blocks were used.
    let clock = Atomic<UInt64>(1)
    /// How much all readers together may have read ahead, in bytes.
    let readAhead = Atomic<Int64>(0)
    private let hasClosed = Atomic(false)
    private let evictor = Mutex<@Sendable (Int64) -> Int64>({ _ in 0 })

    init(
        settings: CacheSettings, directory: CacheDirectory, index: Index, ledger: Ledger, logger: Logger
    ) throws(CacheError) {
        self.settings = settings
        self.directory = directory
        self.index = index
        self.ledger = ledger
        self.logger = logger
        memory = MemoryBudget(limit: settings.memory)
        threads = try WorkerThreads(count: max(1, settings.ioThreads), name: "iesfs-disk")
        settling = Settling(threads: threads, logger: logger)
        watch = try DiskWatch(deadline: settings.diskDeadline, pause: settings.diskPause, logger: logger)
        writes = try WriteQueue(watch: watch)
        let onPause: @Sendable () -> Void = { [memory, weak self] in
            memory.wakeAll()
            self?.updateReadAhead()
        }
        watch.setOnChange(onPause)
        writes.setOnHold(onPause)
        updateReadAhead()
        writes.setEvictor { [weak self] count in
            guard let self else { return false }
            return makeRoom(Int64(count) + ledger.excess) > 0
        }
        writes.setAfterIdle { [weak self] isDue in
            guard let self else { return false }
            if isDue {
                syncAll()
                buffers.empty()
            }
            return !unsynced.isEmpty || !buffers.isEmpty
        }
    }

    /// Nothing may be written any more.
    var isClosed: Bool { hasClosed.load(ordering: .acquiring) }

    /// What arrives stays in memory for now: the disk is passed by, or all its room is taken by what may not go.
    private var isWritingPaused: Bool { watch.isBypassed || writes.isHeld }

    /// True the first time.
    func claimClose() -> Bool { !hasClosed.exchange(true, ordering: .acquiringAndReleasing) }

    /// Sets what gives back at least so many bytes of the disk, and returns how many.
    func setEvictor(_ body: @escaping @Sendable (Int64) -> Int64) { evictor.withLock { $0 = body } }

    /// Whether bytes that have arrived may be taken. While the disk is passed by, older ones make room for them.
    func makeRoomInMemory(for count: Int) -> Bool {
        if memory.hasRoom(for: count, within: memory.share) { return true }
        guard isWritingPaused else { return false }
        if memory.hasRoom(for: count, within: memory.limit) { return true }
        writes.dropOldest(max(count, MemoryPieces.pieceSize))
        return memory.hasRoom(for: count, within: memory.limit)
    }

    /// Calls `body` once, from any thread, when `makeRoomInMemory` is worth another try.
    func whenRoomInMemory(_ body: @escaping @Sendable () -> Void) {
        memory.whenRoom(within: isWritingPaused ? memory.limit : memory.share, body)
    }

    /// Reserves space on the disk, making room for it where there is none. On the thread that writes.
    func reserve(_ count: Int64) throws(CacheError) {
        if ledger.isLookDue {
            ledger.refresh()
            updateReadAhead()
            // The disk may have been filled by others.
            let excess = ledger.excess
            if excess > 0 { _ = makeRoom(excess) }
        }
        while !ledger.reserve(count) {
            guard count <= ledger.effectiveLimit, makeRoom(count + ledger.excess) > 0 else { throw .noRoom }
        }
    }

    /// To be called after each write.
    func wrote(_ count: Int, to file: CacheFile) {
        if unsynced.add(file, Int64(count)) { syncAll() }
    }

    /// Has what was written synced, on the threads that may wait.
    private func syncAll() {
        for file in unsynced.takeAll() {
            // The watch has heard of a failure, and there is nobody else to tell.
            _ = threads.submit { [self] in try? sync(file) }
        }
    }

    /// No disk that is of any use is slower, in bytes per second.
    private static let slowestSync: Int64 = 8 << 20

    /// Brings what was written of `file` to the disk, or drops it. On any thread that may wait.
    func sync(_ file: CacheFile) throws(CacheError) {
        let time = Duration.seconds(file.unsyncedBytes / Self.slowestSync)
        let operation = watch.begin(allowance: time, whenLate: nil)
        do throws(CacheError) {
            try file.syncOrDrop()
            watch.end(operation)
        } catch {
            watch.end(operation, error)
            throw error
        }
    }

    /// Looks at the disk's free space; where others have taken it, the cache gives up as much. On any thread that may wait.
    func look() {
        ledger.refresh()
        updateReadAhead()
        if ledger.excess > 0 { writes.makeRoom { _ in } }
    }

    /// More than this would push out what was read ahead before it is read.
    private func updateReadAhead() {
        let room = isWritingPaused ? Int64(memory.limit) : ledger.effectiveLimit
        readAhead.store(room / 4, ordering: .relaxed)
    }

    /// Gives back at least `need` bytes of the disk where that much can go, and some more, so as not to be called for
    /// each block. On the thread that writes, no lock held.
    ///
    /// - Returns: How many bytes were given back.
    func makeRoom(_ need: Int64) -> Int64 {
        let more = min(ledger.limit / 32, 32 << 20)
        let freed = evictor.withLock { $0 }(need + more)
        ledger.evictedBytes.add(freed, ordering: .relaxed)
        return freed
    }

    /// Ends the threads. Those that are stuck in the disk are left to themselves.
    func stopThreads() {
        writes.stop()
        if watch.isStuck { threads.abandon() } else { threads.stop() }
        watch.stop()
    }
}
