// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Interrupted requests whose callers may yet end: the kernel sends one INTERRUPT for a request, however many signals
/// follow, so their callers are looked at again and again until the answer.
final class InterruptWatch: Sendable {
    private struct State {
        var requests: Set<WaitingRequest> = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let interval: Duration
    private let pendingSignals: @Sendable (Int32) -> PendingSignals?

    /// - Parameters:
    ///   - interval: How often callers are looked at.
    ///   - pendingSignals: What waits for a thread; nil where that cannot be told.
    init(
        interval: Duration = .milliseconds(200),
        pendingSignals: @escaping @Sendable (Int32) -> PendingSignals? = { PendingSignals.of(thread: $0) }
    ) {
        self.interval = interval
        self.pendingSignals = pendingSignals
    }

    /// Called for an INTERRUPT, on a libfuse thread that holds the request's lock.
    func interrupted(_ request: WaitingRequest) {
        if isLeaving(request) { return request.cancel() }
        let starts = state.withLock { state in
            state.requests.insert(request)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { Task { await run() } }
    }

    /// Forgets a request that is about to be answered.
    func remove(_ request: WaitingRequest) { state.withLock { _ = $0.requests.remove(request) } }

    /// Looks at every caller once; false when there is none left.
    func look() -> Bool {
        for request in state.withLock(\.requests) where isLeaving(request) {
            request.cancel()
            remove(request)
        }
        return state.withLock { state in
            state.isRunning = !state.requests.isEmpty
            return state.isRunning
        }
    }

    private func run() async {
        repeat { try? await Task.sleep(for: interval) } while look()
    }

    /// A caller that cannot be looked at is taken at the kernel's word.
    private func isLeaving(_ request: WaitingRequest) -> Bool { pendingSignals(request.thread)?.areFatal ?? true }
}
