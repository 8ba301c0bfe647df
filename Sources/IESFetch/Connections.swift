// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The one place where the connections of a mount are shared out (`ConnectionBudget`).
///
/// It may be called with a result's `fetching` locked: it calls nobody.
final class Connections: Sendable {
    private struct State {
        var budget: ConnectionBudget
        var results: [Int: FetchedResult] = [:]
        var nextNumber = 0
    }

    private let state: Mutex<State>

    init(_ settings: FetchSettings) {
        state = Mutex(
            State(budget: ConnectionBudget(limit: settings.connections, perFile: settings.connectionsPerResult)))
    }

    /// A number for a result, by which it is known here.
    func newNumber() -> Int {
        state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
    }

    /// Connections that the result may use.
    func granted(_ result: FetchedResult) -> Int { state.withLock { $0.budget.granted(result.number) } }

    /// - Returns: How many connections the result may use, and whom to tell that its number has changed.
    func tell(
        _ result: FetchedResult, _ demand: ConnectionBudget.Demand
    ) -> (granted: Int, others: [FetchedResult]) {
        let now = ContinuousClock.now
        return state.withLock { state in
            state.results[result.number] = demand == ConnectionBudget.Demand() ? nil : result
            let others = state.budget.tell(result.number, demand, at: now).compactMap { state.results[$0] }
            return (state.budget.granted(result.number), others)
        }
    }
}
