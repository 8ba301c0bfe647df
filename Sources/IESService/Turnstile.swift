// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Decides who goes when. Holds no clock and no task: time comes as a parameter, and what is decided is returned.
protocol TurnstileRules: Sendable {
    associatedtype Visitor: Sendable
    associatedtype Verdict: Sendable

    mutating func enter(_ id: Int, _ visitor: Visitor, at now: ContinuousClock.Instant)
    /// Of one that waits no longer; unknown ones are nobody's business.
    mutating func leave(_ id: Int)
    /// Whose wait is over, in the order in which they go. They are no longer waiting then.
    mutating func decide(at now: ContinuousClock.Instant) -> [(id: Int, verdict: Verdict)]
    /// When `decide` will have something new to say although nothing happens; nil: not by time alone.
    func next(after now: ContinuousClock.Instant) -> ContinuousClock.Instant?
}

/// Lets tasks wait as the rules say, with one timer for all of them, and none while nobody waits.
final class Turnstile<Rules: TurnstileRules>: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var rules: Rules
        var waiting: [Int: CheckedContinuation<Rules.Verdict?, Never>] = [:]
        /// For those who have not come to wait yet.
        var early: [Int: Rules.Verdict] = [:]
        var nextID = 0
        var alarm: (task: Task<Void, Never>, at: Instant)?
    }

    private typealias Delivery = (CheckedContinuation<Rules.Verdict?, Never>, Rules.Verdict)

    private let state: Mutex<State>
    private let instant: @Sendable () -> Instant
    private let turn: @Sendable (Instant) async throws -> Void

    init(_ rules: Rules, _ settings: ServiceSettings) {
        state = Mutex(State(rules: rules))
        instant = settings.instant
        turn = settings.turn
    }

    /// What is decided of the visitor; nil when the task was cancelled first.
    ///
    /// - Parameter onWait: Called if the answer is not there at once, before the wait.
    func admit(_ visitor: Rules.Visitor, onWait: () -> Void = {}) async -> (id: Int, verdict: Rules.Verdict?) {
        let (id, verdict) = change { state, now in
            let id = state.nextID
            state.nextID += 1
            state.rules.enter(id, visitor, at: now)
            return id
        } then: { state, id in
            (id, state.early.removeValue(forKey: id))
        }
        if let verdict { return (id, verdict) }
        onWait()
        return (id, await wait(id))
    }

    /// Changes the rules' state; whoever may go then goes.
    @discardableResult
    func update<Value: Sendable>(_ body: (inout Rules, Instant) -> Value) -> Value {
        change { state, now in
            body(&state.rules, now)
        } then: { _, value in
            value
        }
    }

    /// Looks at the rules' state without changing it.
    func look<Value: Sendable>(_ body: (Rules, Instant) -> Value) -> Value {
        let now = instant()
        return state.withLock { body($0.rules, now) }
    }

    private func wait(_ id: Int) async -> Rules.Verdict? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Rules.Verdict?? in
                    if let verdict = state.early.removeValue(forKey: id) { return .some(verdict) }
                    guard !Task.isCancelled else {
                        state.rules.leave(id)
                        return .some(nil)
                    }
                    state.waiting[id] = continuation
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = change { state, _ in
                guard let continuation = state.waiting.removeValue(forKey: id) else { return nil }
                state.rules.leave(id)
                return continuation
            } then: { _, continuation in
                continuation as CheckedContinuation<Rules.Verdict?, Never>?
            }
            continuation?.resume(returning: nil)
        }
    }

    /// Carries out `body`, then lets go who may, then sets the timer anew.
    private func change<Value: Sendable, Outcome: Sendable>(
        _ body: (inout State, Instant) -> Value, then: (inout State, Value) -> Outcome
    ) -> Outcome {
        let now = instant()
        let (outcome, deliveries) = state.withLock { state -> (Outcome, [Delivery]) in
            let value = body(&state, now)
            var deliveries: [Delivery] = []
            for (id, verdict) in state.rules.decide(at: now) {
                if let continuation = state.waiting.removeValue(forKey: id) {
                    deliveries.append((continuation, verdict))
                } else {
                    state.early[id] = verdict
                }
            }
            setAlarm(&state, now)
            return (then(&state, value), deliveries)
        }
        for (continuation, verdict) in deliveries { continuation.resume(returning: verdict) }
        return outcome
    }

    private func setAlarm(_ state: inout State, _ now: Instant) {
        guard let next = state.rules.next(after: now) else {
            state.alarm?.task.cancel()
            state.alarm = nil
            return
        }
        if let alarm = state.alarm, alarm.at <= next { return }
        state.alarm?.task.cancel()
        let task = Task { [turn] in
            do { try await turn(next) } catch { return }
            self.ring(next)
        }
        state.alarm = (task, next)
    }

    private func ring(_ at: Instant) {
        change { state, _ in
            if state.alarm?.at == at { state.alarm = nil }
        } then: { _, _ in
        }
    }
}
