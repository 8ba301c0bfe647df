// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts the memory that bytes take on their way to the disk. Whoever finds it used up waits for a call.
///
/// A disk that works needs a share of it only: more would be filled by every line that is faster than the disk, and make
/// nothing faster.
final class MemoryBudget: Sendable {
    private struct State {
        var used = 0
        /// What may be used as things are, in bytes.
        var bound: Int
        var waiters: [@Sendable () -> Void] = []

        /// Not for every piece: whoever goes on shall get somewhere.
        var hasRoomAgain: Bool { used <= bound - bound / 4 }
    }

    /// In bytes.
    let limit: Int
    /// What may be used while the disk works, in bytes.
    let share: Int
    private let state: Mutex<State>

    init(limit: Int) {
        self.limit = limit
        share = limit / 3
        state = Mutex(State(bound: share))
    }

    var used: Int { state.withLock { $0.used } }

    /// Whether there is room for `count` bytes; an empty budget has room for any.
    ///
    /// - Parameter bound: `share` or `limit`: what may be used from now on.
    func hasRoom(for count: Int, within bound: Int) -> Bool {
        state.withLock { state in
            state.bound = bound
            return state.used == 0 || state.used + count <= bound
        }
    }

    func add(_ count: Int) { state.withLock { $0.used += count } }

    func release(_ count: Int) {
        if count == 0 { return }
        let waiters = state.withLock { state in
            state.used -= count
            return state.hasRoomAgain ? Self.takeWaiters(&state) : []
        }
        for waiter in waiters { waiter() }
    }

    /// Calls `body` once, from any thread, when there is room again or something has changed: at once if there is.
    func whenRoom(_ body: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            if state.hasRoomAgain { return true }
            state.waiters.append(body)
            return false
        }
        if isFree { body() }
    }

    /// Has everybody who waits look again.
    func wakeAll() {
        for waiter in state.withLock({ Self.takeWaiters(&$0) }) { waiter() }
    }

    private static func takeWaiters(_ state: inout State) -> [@Sendable () -> Void] {
        defer { state.waiters = [] }
        return state.waiters
    }
}
