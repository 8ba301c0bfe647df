// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts the memory that bytes take on their way to the disk. Whoever finds it used up waits for a call.
///
/// A disk that works needs a share of it only: more would be filled by every line that is faster than the disk, and make
/// nothing faster.
final class MemoryBudget: Sendable {
    private struct Waiter {
        /// What may be used as far as it is concerned, in bytes.
        let bound: Int
        let body: @Sendable () -> Void

        /// Not for every piece: whoever goes on shall get somewhere.
        func hasRoom(beside used: Int) -> Bool { used <= bound - bound / 4 }
    }

    private struct State {
        var used = 0
        var waiters: [Waiter] = []
    }

    /// In bytes.
    let limit: Int
    /// What may be used while the disk works, in bytes.
    let share: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
        share = limit / 3
    }

    var used: Int { state.withLock { $0.used } }

    /// Whether there is room for `count` bytes within `bound`, which is `share` or `limit`; an empty budget has room for
    /// any.
    func hasRoom(for count: Int, within bound: Int) -> Bool {
        state.withLock { $0.used == 0 || $0.used + count <= bound }
    }

    func add(_ count: Int) { state.withLock { $0.used += count } }

    func release(_ count: Int) {
        if count == 0 { return }
        let woken = state.withLock { state in
            state.used -= count
            if state.waiters.isEmpty { return [Waiter]() }
            let used = state.used
            defer { state.waiters.removeAll { $0.hasRoom(beside: used) } }
            return state.waiters.filter { $0.hasRoom(beside: used) }
        }
        for waiter in woken { waiter.body() }
    }

    /// Calls `body` once, from any thread, when there is room again within `bound` or something has changed: at once if
    /// there is.
    func whenRoom(within bound: Int, _ body: @escaping @Sendable () -> Void) {
        let waiter = Waiter(bound: bound, body: body)
        let isFree = state.withLock { state in
            if waiter.hasRoom(beside: state.used) { return true }
            state.waiters.append(waiter)
            return false
        }
        if isFree { body() }
    }

    /// Has everybody who waits look again.
    func wakeAll() {
        let woken = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in woken { waiter.body() }
    }
}
