// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts the memory that bytes take on their way to the disk. Whoever finds it used up waits for a call.
final class MemoryBudget: Sendable {
    private struct State {
        var used = 0
        var waiters: [@Sendable () -> Void] = []
    }

    /// In bytes.
    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var used: Int { state.withLock { $0.used } }

    /// Whether there is room for `count` bytes; an empty budget has room for any.
    func hasRoom(for count: Int) -> Bool { state.withLock { $0.used == 0 || $0.used + count <= limit } }

    func add(_ count: Int) { state.withLock { $0.used += count } }

    func release(_ count: Int) {
        if count == 0 { return }
        let waiters = state.withLock { state in
            state.used -= count
            // Not for every piece: whoever goes on shall get somewhere.
            return state.used <= limit - limit / 4 ? Self.takeWaiters(&state) : []
        }
        for waiter in waiters { waiter() }
    }

    /// Calls `body` once, from any thread, when there is room again or something has changed: at once if there is.
    func whenRoom(_ body: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            if state.used <= limit - limit / 4 { return true }
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
