// SPDX-License-Identifier: Apache-2.0

import IESService
import Synchronization

/// The steering of one exchange in process.
final class InProcessTransfer: Transfer {
    enum Wake: Sendable { case resumed, timeout, stopped, cancelled }

    private struct Waiter {
        let turn: Int
        let wantsResume: Bool
        let continuation: CheckedContinuation<Wake, Never>
    }

    private struct State {
        var isResumed = false
        var end: Wake?
        var waiter: Waiter?
        var turn = 0
        /// The turn whose time ran out before its waiter was there.
        var expired = 0
    }

    private let state = Mutex(State())

    func resume() {
        let waiter = state.withLock { state -> Waiter? in
            state.isResumed = true
            guard let waiter = state.waiter, waiter.wantsResume else { return nil }
            state.waiter = nil
            return waiter
        }
        waiter?.continuation.resume(returning: .resumed)
    }

    func stop() { finish(.stopped) }
    func cancel() { finish(.cancelled) }

    /// Nil while the exchange may go on.
    var end: Wake? { state.withLock { $0.end } }

    /// Forgets earlier resumes; called before each call of the receiver, so that none made during it is lost.
    func arm() { state.withLock { $0.isResumed = false } }

    /// Waits for a resume since `arm`, or an end. For ever.
    func waitForResume() async -> Wake { await wait(wantsResume: true, turn: nextTurn()) }

    /// Waits until `delay` is over, or an end.
    func sleep(for delay: Duration) async -> Wake {
        let turn = nextTurn()
        let timer = Task {
            do { try await Task.sleep(for: delay) } catch { return }
            self.expire(turn)
        }
        defer { timer.cancel() }
        return await wait(wantsResume: false, turn: turn)
    }

    private func wait(wantsResume: Bool, turn: Int) async -> Wake {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> Wake? in
                if let end = state.end { return end }
                if wantsResume, state.isResumed { return .resumed }
                if state.expired == turn { return .timeout }
                state.waiter = Waiter(turn: turn, wantsResume: wantsResume, continuation: continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    private func nextTurn() -> Int {
        state.withLock { state in
            state.turn += 1
            return state.turn
        }
    }

    private func finish(_ reason: Wake) {
        let waiter = state.withLock { state -> Waiter? in
            guard state.end == nil else { return nil }
            state.end = reason
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.continuation.resume(returning: reason)
    }

    private func expire(_ turn: Int) {
        let waiter = state.withLock { state -> Waiter? in
            state.expired = turn
            guard let waiter = state.waiter, waiter.turn == turn else { return nil }
            state.waiter = nil
            return waiter
        }
        waiter?.continuation.resume(returning: .timeout)
    }
}
