// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Ends waits at their deadline, whatever the network does, and has results look at how fast their downloads are: one
/// task for all results, and none when nobody waits.
final class Deadlines: Sendable {
    private struct State {
        var watched: [ObjectIdentifier: FetchedResult] = [:]
        var isRunning = false
    }

    private let state = Mutex(State())
    private let tick: Duration

    init(timeout: Duration) { tick = min(timeout / 10, .milliseconds(50)) }

    /// Looks at `result` until no read of it waits.
    func watch(_ result: FetchedResult) {
        let mustStart = state.withLock { state in
            state.watched[ObjectIdentifier(result)] = result
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { Task { await run() } }
    }

    private func run() async {
        while true {
            try? await Task.sleep(for: tick)
            let now = ContinuousClock.now
            for (key, result) in state.withLock({ $0.watched }) where !result.expire(now) {
                // A read that began meanwhile has put it back, or will.
                state.withLock { state in state.watched[key] = nil }
                if result.isAwaited { watchAgain(result) }
            }
            let isDone = state.withLock { state in
                state.isRunning = !state.watched.isEmpty
                return !state.isRunning
            }
            if isDone { return }
        }
    }

    private func watchAgain(_ result: FetchedResult) {
        state.withLock { $0.watched[ObjectIdentifier(result)] = result }
    }
}
