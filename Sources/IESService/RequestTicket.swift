// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Whose requests go first when not all may go.
package enum RequestPriority: Int, Comparable, Sendable {
    /// For bytes a reader will want soon.
    case readAhead
    /// Somebody waits for it.
    case reading

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A request on its way: how urgent it is, which may change while it waits, and whether this machine's own budget holds it
/// back, for which its time limit does not run.
package final class RequestTicket: Sendable {
    private enum Turn {
        case none, waiting
        case came(ContinuousClock.Instant)
    }

    private struct State {
        var priority: RequestPriority
        var turn = Turn.none
    }

    private let state: Mutex<State>

    package init(_ priority: RequestPriority = .reading) {
        state = Mutex(State(priority: priority))
    }

    package var priority: RequestPriority { state.withLock { $0.priority } }

    /// Never lowers it.
    package func raise(to priority: RequestPriority) {
        state.withLock { $0.priority = max($0.priority, priority) }
    }

    /// The last moment at which the budget held it back: `now` while it does, nil if it never did.
    package func lastHeldBack(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        state.withLock { state in
            switch state.turn {
            case .none: nil
            case .waiting: now
            case .came(let instant): instant
            }
        }
    }

    func isHeldBack() { state.withLock { $0.turn = .waiting } }

    /// Its turn has come. Without effect on one that was not held back.
    func goesOn(at now: ContinuousClock.Instant) {
        state.withLock { state in
            if case .waiting = state.turn { state.turn = .came(now) }
        }
    }
}
