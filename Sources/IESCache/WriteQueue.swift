// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Brings what has arrived to the disk, on a thread of its own and in the order in which it came.
///
/// The transport's one thread never waits for the disk: it leaves bytes in memory, where they can be read at once. While
/// the disk is passed by they stay there, and the oldest go when the memory is needed.
final class WriteQueue: Sendable {
    private struct Entry {
        let file: CacheFile
        /// Of a piece in the file's memory.
        let start: Int64
    }

    private struct State {
        var entries: [Entry] = []
        var head = 0
        var isWriting = false
        var isSleeping = false
        var hasStopped = false
        /// How many pieces were ever added, and how many of them are not to be written any more.
        var added = 0
        var done: Int { added - (entries.count - head) - (isWriting ? 1 : 0) }
        /// Who waits for the first so many.
        var drainers: [(target: Int, signal: Signal)] = []
        /// Nothing is written before: there is no room, and nothing that may go.
        var heldUntil: ContinuousClock.Instant?
        var requests: [@Sendable (Bool) -> Void] = []
        var jobs: [@Sendable (Bool) -> Void] = []

        var isEmpty: Bool { head == entries.count }

        mutating func pop() -> Entry? {
            guard head < entries.count else { return nil }
            defer {
                head += 1
                if head > 64, head * 2 > entries.count {
                    entries.removeSubrange(..<head)
                    head = 0
                }
            }
            return entries[head]
        }

        mutating func putBack(_ entry: Entry) {
            entries.removeSubrange(..<head)
            entries.insert(entry, at: 0)
            head = 0
        }
    }

    /// How long until it is looked whether there is room again.
    private static let holdTime: Duration = .seconds(1)

    private let watch: DiskWatch
    private let state = Mutex(State())
    private let held = Atomic(false)
    private let onHold = Mutex<(@Sendable () -> Void)?>(nil)
    private let wake: Signal
    private let afterIdle = Mutex<(@Sendable (Bool) -> Bool)?>(nil)
    private let evictor = Mutex<(@Sendable (Int) -> Bool)?>(nil)
    private let thread: WorkerThreads

    init(watch: DiskWatch) throws(CacheError) {
        self.watch = watch
        wake = try Signal(counting: false)
        thread = try WorkerThreads(count: 1, name: "iesfs-write")
        _ = thread.submit { [self] in work() }
    }

    /// Whether nothing is written at the moment because there is no room and nothing that may go.
    var isHeld: Bool { held.load(ordering: .acquiring) }

    /// Sets what is called when that begins, on the thread that writes.
    func setOnHold(_ body: @escaping @Sendable () -> Void) { onHold.withLock { $0 = body } }

    /// Sets what makes room on the disk for so many bytes.
    func setEvictor(_ body: @escaping @Sendable (Int) -> Bool) { evictor.withLock { $0 = body } }

    /// Sets what is asked before the thread sleeps, with false, whether it has something to do after some seconds without
    /// work; and then called with true.
    func setAfterIdle(_ body: @escaping @Sendable (Bool) -> Bool) { afterIdle.withLock { $0 = body } }

    /// A new piece is in `file`'s memory.
    func add(_ file: CacheFile, at start: Int64) {
        let wakes = state.withLock { state in
            state.entries.append(Entry(file: file, start: start))
            state.added += 1
            guard state.isSleeping, state.heldUntil == nil else { return false }
            state.isSleeping = false
            return true
        }
        if wakes { wake.send() }
    }

    /// Forgets the oldest pieces that nobody is writing, until `count` bytes are free or there are none.
    func dropOldest(_ count: Int) {
        var freed = 0
        while freed < count, let entry = state.withLock({ $0.pop() }) {
            freed += entry.file.forgetPiece(at: entry.start)
        }
    }

    /// Waits until all that was added before is on the disk, or nothing is written.
    func drain() {
        guard let signal = try? Signal(counting: false) else { return }
        let mustWait = state.withLock { state in
            if state.done == state.added || state.heldUntil != nil { return false }
            state.drainers.append((state.added, signal))
            return true
        }
        if !mustWait { return }
        // A stuck thread tells nobody.
        while state.withLock({ state in state.drainers.contains { $0.signal === signal } }), !watch.isStuck {
            signal.wait(timeout: 100)
        }
    }

    /// Ends the thread after what it is at, unless it is stuck in it.
    func stop() {
        state.withLock { $0.hasStopped = true }
        wake.send()
        if watch.isStuck { thread.abandon() } else { thread.stop() }
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job(false) }
        // Each keeps its file, and the file this.
        state.withLock { state in (state.entries, state.head) = ([], 0) }
    }

    private func work() {
        while true {
            if watch.isBypassed {
                guard waitsForDisk() else { return }
                continue
            }
            switch next() {
            case .stop: return
            case .sleep: sleep()
            case .rest(let time): rest(time)
            case .write(let entry): write(entry)
            case .makeRoom(let requests): answer(requests)
            case .run(let jobs):
                for job in jobs { job(true) }
                // They may have made room.
                endHold()
            }
        }
    }

    /// Has the thread make room on the disk, and then calls `body` with whether there is any.
    func makeRoom(then body: @escaping @Sendable (Bool) -> Void) {
        let wakes = state.withLock { state in
            state.requests.append(body)
            defer { state.isSleeping = false }
            return state.isSleeping
        }
        if wakes { wake.send() }
    }

    /// Runs `job` on the thread, between two writes, with whether the disk may be asked. False, and it is not run, after
    /// `stop`.
    func submit(_ job: @escaping @Sendable (Bool) -> Void) -> Bool {
        let (isAccepted, wakes) = state.withLock { state in
            if state.hasStopped { return (false, false) }
            state.jobs.append(job)
            defer { state.isSleeping = false }
            return (true, state.isSleeping)
        }
        if wakes { wake.send() }
        return isAccepted
    }

    private enum Step {
        case write(Entry)
        case makeRoom([@Sendable (Bool) -> Void])
        case run([@Sendable (Bool) -> Void])
        case sleep
        case rest(Duration)
        case stop
    }

    private func next() -> Step {
        let (step, drainers) = state.withLock { state -> (Step, [Signal]) in
            if !state.requests.isEmpty {
                defer { state.requests = [] }
                return (.makeRoom(state.requests), [])
            }
            if !state.jobs.isEmpty {
                defer { state.jobs = [] }
                return (.run(state.jobs), [])
            }
            if let until = state.heldUntil, state.hasStopped || ContinuousClock.now < until {
                defer { state.drainers = [] }
                let waiting = state.drainers.map(\.signal)
                // What there is no room for is fetched again.
                if state.hasStopped { return (.stop, waiting) }
                state.isSleeping = true
                return (.rest(ContinuousClock.now.duration(to: until)), waiting)
            }
            let done = state.done
            let ready = state.drainers.filter { $0.target <= done }.map(\.signal)
            state.drainers.removeAll { $0.target <= done }
            if let entry = state.pop() {
                state.isWriting = true
                return (.write(entry), ready)
            }
            if state.hasStopped { return (.stop, ready) }
            state.isSleeping = true
            return (.sleep, ready)
        }
        for drainer in drainers { drainer.send() }
        return step
    }

    /// Until there may be room again, or somebody asks for some.
    private func rest(_ time: Duration) {
        wake.wait(timeout: Int32(clamping: Int64(time / .milliseconds(1)) + 1))
        state.withLock { $0.isSleeping = false }
    }

    private func hold() {
        state.withLock { $0.heldUntil = .now + Self.holdTime }
        if !held.exchange(true, ordering: .acquiringAndReleasing) { onHold.withLock { $0 }?() }
    }

    private func endHold() {
        state.withLock { $0.heldUntil = nil }
        held.store(false, ordering: .releasing)
    }

    /// In milliseconds.
    private static let idleTime: Int32 = 5_000

    private func sleep() {
        let afterIdle = afterIdle.withLock { $0 }
        wake.wait(timeout: afterIdle?(false) == true ? Self.idleTime : -1)
        let isIdle = state.withLock { $0.isSleeping && !$0.hasStopped }
        if isIdle { _ = afterIdle?(true) }
    }

    private func answer(_ requests: [@Sendable (Bool) -> Void]) {
        let hasRoom = evictor.withLock { $0 }?(MemoryPieces.pieceSize) ?? false
        if hasRoom { endHold() }
        for request in requests { request(hasRoom) }
    }

    private func write(_ entry: Entry) {
        let operation = watch.begin(whenLate: nil)
        do throws(CacheError) {
            let hasWritten = try entry.file.writePiece(at: entry.start)
            state.withLock { $0.isWriting = false }
            if hasWritten { watch.end(operation) } else { watch.cancel(operation) }
            if isHeld { endHold() }
        } catch {
            state.withLock { state in
                state.isWriting = false
                state.putBack(entry)
            }
            watch.end(operation, error)
            if case .noRoom = error { hold() }
        }
    }

    /// - Returns: False if the thread is to end.
    private func waitsForDisk() -> Bool {
        let (hasStopped, drainers, requests) = state.withLock { state in
            defer { (state.drainers, state.requests, state.jobs) = ([], [], []) }
            return (state.hasStopped, state.drainers, state.requests + state.jobs)
        }
        for request in requests { request(false) }
        for drainer in drainers { drainer.signal.send() }
        if hasStopped { return false }
        let pause = Int64(watch.pause / .milliseconds(1)) + 1
        wake.wait(timeout: Int32(clamping: min(pause, 1_000)))
        return true
    }
}
