// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Calls back once two things have come about: INIT was answered, and the endpoint was checked.
final class Readiness: Sendable {
    private struct State {
        var hasAnswered = false
        var isChecked = false
        var isReady = false
    }

    private let state = Mutex(State())
    private let whenReady: @Sendable () -> Void

    init(_ whenReady: @escaping @Sendable () -> Void) {
        self.whenReady = whenReady
    }

    func answered() { note { $0.hasAnswered = true } }

    /// The check passed, or is not waited for any longer.
    func checked() { note { $0.isChecked = true } }

    private func note(_ change: (inout sending State) -> Void) {
        let isReadyNow = state.withLock { state in
            change(&state)
            guard state.hasAnswered, state.isChecked, !state.isReady else { return false }
            state.isReady = true
            return true
        }
        if isReadyNow { whenReady() }
    }
}
