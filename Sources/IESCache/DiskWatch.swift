// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// Notices when the disk fails, when something it does takes too long, and when it works again.
///
/// A thread of its own looks at what is under way, and sleeps when nothing is.
final class DiskWatch: Sendable {
    private struct Operation {
        /// Nil while it waits for a thread.
        var start: ContinuousClock.Instant?
        /// For much that has to be done.
        let allowance: Duration
        var isLate = false
        /// Called once when it is late.
        let whenLate: (@Sendable () -> Void)?
    }

    private struct State {
        var health: DiskHealth
        var operations: [Int: Operation] = [:]
        var next = 0
        var late = 0
        var hasStopped = false
    }

    private let deadline: Duration
    private let state: Mutex<State>
    private let wake: Signal
    private let thread: WorkerThreads
    private let logger: Logger
    /// Grows whenever the disk works again.
    private let recoveries = Atomic(0)
    private let suspicion = Atomic(false)
    private let onChange = Mutex<@Sendable () -> Void>({})

    init(deadline: Duration, pause: Duration, logger: Logger) throws(CacheError) {
        self.deadline = deadline
        self.logger = logger
        state = Mutex(State(health: DiskHealth(firstPause: pause)))
        wake = try Signal(counting: false)
        thread = try WorkerThreads(count: 1, name: "iesfs-watch")
        _ = thread.submit { [self] in work() }
    }

    /// Called, from any thread, when the disk begins to be passed by.
    func setOnChange(_ body: @escaping @Sendable () -> Void) { onChange.withLock { $0 = body } }

    var health: DiskState { state.withLock { $0.late > 0 && $0.health.state == .normal ? .unstable : $0.health.state } }
    /// The number of times it has worked again.
    var epoch: Int { recoveries.load(ordering: .acquiring) }
    /// Whether it fails, or something takes rather long: nothing is to be asked of it by those who must not wait.
    var isSuspect: Bool { suspicion.load(ordering: .relaxed) }
    /// Whether something takes longer than it may, at this moment.
    var isStuck: Bool { state.withLock { $0.late > 0 } }

    /// Whether the disk is to be passed by.
    var isBypassed: Bool {
        state.withLock { state in
            if state.late > 0 { return true }
            if case .normal = state.health.state { return false }
            return !state.health.mayTry(at: .now)
        }
    }

    /// How long to wait before looking at `isBypassed` again.
    var pause: Duration {
        state.withLock { state in
            let pause = state.health.pause(at: .now)
            return state.late > 0 ? max(pause, deadline / 4) : pause
        }
    }

    /// Something is about to be asked of the disk.
    ///
    /// - Parameters:
    ///   - allowance: What it may take beyond the deadline.
    ///   - isQueued: It waits for a thread first; `started` is to be called. It is late only if something else is.
    ///   - whenLate: Called once, from another thread, if it is not done within the deadline.
    func begin(
        allowance: Duration = .zero, isQueued: Bool = false, whenLate: (@Sendable () -> Void)?
    ) -> Int {
        let (number, isFirst) = state.withLock { state in
            defer { state.next += 1 }
            state.operations[state.next] = Operation(
                start: isQueued ? nil : .now, allowance: allowance, whenLate: whenLate)
            return (state.next, state.operations.count == 1)
        }
        if isFirst { wake.send() }
        return number
    }

    func started(_ number: Int) { state.withLock { $0.operations[number]?.start = .now } }

    /// The disk was not asked after all.
    func cancel(_ number: Int) { _ = remove(number) }

    /// It is done. What came too late is no proof that the disk works.
    ///
    /// - Parameter error: Why it failed; only what means the disk counts.
    func end(_ number: Int, _ error: CacheError? = nil) {
        let wasLate = remove(number)
        // That the cache may hold no more says nothing of the disk.
        if case .noRoom? = error { return }
        if let error { failed("\(error)") } else if !wasLate { worked() }
    }

    private func remove(_ number: Int) -> Bool {
        state.withLock { state in
            guard let operation = state.operations.removeValue(forKey: number) else { return false }
            if operation.isLate { state.late -= 1 }
            return operation.isLate
        }
    }

    private func worked() {
        let hasRecovered = state.withLock { state in
            if case .normal = state.health.state { return false }
            return state.late == 0 && state.health.worked()
        }
        guard hasRecovered else { return }
        suspicion.store(false, ordering: .relaxed)
        recoveries.add(1, ordering: .acquiringAndReleasing)
        logger.notice("the cache's disk works again")
    }

    private func failed(_ reason: String) {
        let isFirst = state.withLock { $0.health.failed(at: .now) }
        suspicion.store(true, ordering: .relaxed)
        if isFirst {
            logger.warning(
                "the cache's disk fails; what is read passes through memory until it works again",
                metadata: ["reason": "\(reason)"])
        }
        onChange.withLock { $0 }()
    }

    func stop() {
        state.withLock { $0.hasStopped = true }
        wake.send()
        thread.stop()
    }

    private func work() {
        let tick = max(1, Int32(clamping: Int64(deadline / .milliseconds(4))))
        while true {
            let (isBusy, hasStopped) = state.withLock { (!$0.operations.isEmpty, $0.hasStopped) }
            if hasStopped { return }
            wake.wait(timeout: isBusy ? tick : -1)
            let (late, waiting) = state.withLock { state in
                let now = ContinuousClock.now
                let isSlow = state.operations.values.contains { operation in
                    operation.start.map { now - $0 > (deadline + operation.allowance) / 4 } ?? false
                }
                suspicion.store(isSlow || state.health.state != .normal, ordering: .relaxed)
                let late = state.operations.filter { operation in
                    guard let start = operation.value.start, !operation.value.isLate else { return false }
                    return now - start > deadline + operation.value.allowance
                }
                for number in late.keys { state.operations[number]?.isLate = true }
                state.late += late.count
                let waiting = state.late > 0 ? state.operations.values.filter { $0.start == nil } : []
                return (late, waiting)
            }
            if !late.isEmpty { failed("an operation takes longer than it may, which is \(deadline) for a small one") }
            for operation in late.values + waiting { operation.whenLate?() }
        }
    }
}
