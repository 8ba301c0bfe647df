// SPDX-License-Identifier: Apache-2.0

/// The budget of one project: its token bucket, who waits for a token, and the pause a throttling service asked for.
///
/// The most urgent goes first; among equals, who came first.
struct RequestQueue: TurnstileRules {
    typealias Instant = ContinuousClock.Instant

    struct Visitor: Sendable {
        let ticket: RequestTicket
        /// Extended by the time that the bucket makes it wait, but not by pauses.
        let deadline: Instant
    }

    enum Verdict: Sendable {
        /// So long was it this machine's own budget that held it back.
        case go(heldBack: Duration)
        /// The service asked to be left alone for longer than the visitor has time.
        case throttled(ServiceError)
    }

    private struct Waiting {
        let id: Int
        let visitor: Visitor
        let since: Instant
        /// `paused` when it came.
        let paused: Duration
    }

    private struct Pause {
        let start: Instant
        let end: Instant
        let reason: ServiceError
    }

    /// Nil: any number of requests.
    private var bucket: TokenBucket?
    private var waiting: [Waiting] = []
    private var pause: Pause?
    /// The sum of the pauses that are over.
    private var paused: Duration = .zero

    init(rate: RequestRate?) {
        bucket = rate.map(TokenBucket.init)
    }

    /// Nothing would be lost with it.
    func isIdle(at now: Instant) -> Bool {
        waiting.isEmpty && pause.map { $0.end <= now } ?? true && bucket?.isFull(at: now) ?? true
    }

    /// The service has throttled a request: none goes out for so long.
    mutating func throttled(for duration: Duration, _ reason: ServiceError, at now: Instant) {
        endPause(at: now)
        let start = pause?.start ?? now
        pause = Pause(start: start, end: max(pause?.end ?? now, now + duration), reason: reason)
    }

    mutating func enter(_ id: Int, _ visitor: Visitor, at now: Instant) {
        waiting.append(Waiting(id: id, visitor: visitor, since: now, paused: pausedSoFar(at: now)))
    }

    mutating func leave(_ id: Int) {
        waiting.removeAll { $0.id == id }
    }

    mutating func decide(at now: Instant) -> [(id: Int, verdict: Verdict)] {
        endPause(at: now)
        if let pause {
            let late = waiting.filter { $0.visitor.deadline + heldBack($0, at: now) <= pause.end }
            guard !late.isEmpty else { return [] }
            waiting.removeAll { entry in late.contains { $0.id == entry.id } }
            return late.map { ($0.id, .throttled(pause.reason)) }
        }
        var verdicts: [(id: Int, verdict: Verdict)] = []
        while let first = mostUrgent, bucket?.take(at: now) ?? true {
            let entry = waiting.remove(at: first)
            verdicts.append((entry.id, .go(heldBack: heldBack(entry, at: now))))
        }
        return verdicts
    }

    func next(after now: Instant) -> Instant? {
        guard !waiting.isEmpty else { return nil }
        if let pause, pause.end > now { return pause.end }
        return bucket?.next(after: now) ?? now
    }

    private var mostUrgent: Int? {
        var best: (index: Int, priority: RequestPriority)?
        for (index, entry) in waiting.enumerated() {
            let priority = entry.visitor.ticket.priority
            if best.map({ priority > $0.priority }) ?? true { best = (index, priority) }
            if priority == .reading { break }
        }
        return best?.index
    }

    private mutating func endPause(at now: Instant) {
        guard let pause, pause.end <= now else { return }
        paused += pause.start.duration(to: pause.end)
        self.pause = nil
    }

    private func pausedSoFar(at now: Instant) -> Duration {
        paused + (pause.map { $0.start.duration(to: min(now, $0.end)) } ?? .zero)
    }

    private func heldBack(_ entry: Waiting, at now: Instant) -> Duration {
        max(.zero, entry.since.duration(to: now) - (pausedSoFar(at: now) - entry.paused))
    }
}
