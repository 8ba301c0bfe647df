// SPDX-License-Identifier: Apache-2.0

/// Spares a host that cannot be reached: after some failures in a row one request at a time finds out whether it is back,
/// and the others wait for what that comes to.
///
/// While it is open, a failure of the probe is a failure of all who wait: each then decides as if it had tried itself. Who
/// has no time left fails with the last reason.
struct Breaker: TurnstileRules {
    typealias Instant = ContinuousClock.Instant

    struct Visitor: Sendable {
        let deadline: Instant
    }

    enum Verdict: Sendable {
        case go
        case failed(ServiceFailure)
    }

    /// More than one call alone makes of a failure that is its own.
    static let failuresToOpen = 8
    static let shortestInterval: Duration = .milliseconds(500)
    /// After the host is back, at most this long passes before a request finds out.
    static let longestInterval: Duration = .seconds(5)

    private struct Opening {
        var reason: ServiceFailure
        var failedProbes = 0
        /// No probe before.
        var until: Instant
        var probe: Int?
    }

    private var failures = 0
    private var opening: Opening?
    private var waiting: [(id: Int, deadline: Instant)] = []
    private var rejected: [Int] = []

    var isIdle: Bool { opening == nil && failures == 0 && waiting.isEmpty }

    /// Whether a request that was let in may still go out: the host may have been lost since.
    func admits(_ id: Int) -> Bool { opening.map { $0.probe == id } ?? true }

    mutating func enter(_ id: Int, _ visitor: Visitor, at now: Instant) {
        waiting.append((id, visitor.deadline))
    }

    mutating func leave(_ id: Int) {
        waiting.removeAll { $0.id == id }
    }

    /// The host has answered.
    mutating func reached() {
        failures = 0
        opening = nil
    }

    /// A request failed to get an answer.
    ///
    /// - Parameter random: From 0 up to but not including 1.
    mutating func failed(_ id: Int, _ reason: ServiceFailure, at now: Instant, random: Double) {
        guard var opening else {
            failures += 1
            guard failures >= Self.failuresToOpen else { return }
            self.opening = Opening(reason: reason, until: now + Self.interval(after: 0, random))
            return
        }
        opening.reason = reason
        if opening.probe == id {
            opening.probe = nil
            opening.failedProbes += 1
            opening.until = now + Self.interval(after: opening.failedProbes, random)
            rejected = waiting.map(\.id)
        }
        self.opening = opening
    }

    /// A request ended without saying anything about the host.
    mutating func gaveUp(_ id: Int) {
        if opening?.probe == id { opening?.probe = nil }
    }

    mutating func decide(at now: Instant) -> [(id: Int, verdict: Verdict)] {
        guard let opening else {
            defer { waiting.removeAll() }
            return waiting.map { ($0.id, .go) }
        }
        let failed = Set(rejected)
        rejected.removeAll()
        let isOver = { (entry: (id: Int, deadline: Instant)) in entry.deadline <= now || failed.contains(entry.id) }
        var verdicts: [(id: Int, verdict: Verdict)] = waiting.filter(isOver).map { ($0.id, .failed(opening.reason)) }
        waiting.removeAll(where: isOver)
        if opening.probe == nil, opening.until <= now, !waiting.isEmpty {
            let first = waiting.removeFirst()
            self.opening?.probe = first.id
            verdicts.append((first.id, .go))
        }
        return verdicts
    }

    func next(after now: Instant) -> Instant? {
        guard let opening, let earliest = waiting.map(\.deadline).min() else { return nil }
        return opening.probe == nil ? min(opening.until, earliest) : earliest
    }

    /// Doubles up to the longest; half of it is chance, so that many hosts do not probe together.
    private static func interval(after probes: Int, _ random: Double) -> Duration {
        let bound = Backoff(base: shortestInterval, cap: longestInterval).bound(beforeRetry: probes)
        return bound * (0.5 + min(max(random, 0), 1) / 2)
    }
}
