// SPDX-License-Identifier: Apache-2.0

/// How many requests may go out: so many a second, and some more at once after a quiet time.
package struct RequestRate: Hashable, Sendable {
    package let perSecond: Int
    package let burst: Int

    /// Both at least 1.
    package init(perSecond: Int, burst: Int) {
        precondition(perSecond > 0 && burst > 0, "a rate without requests")
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// A token bucket, as the time at which it will be full again (the generic cell rate algorithm): no timer fills it.
struct TokenBucket: Hashable, Sendable {
    typealias Instant = ContinuousClock.Instant

    private let interval: Duration
    private let depth: Duration
    /// Nil: never used.
    private var full: Instant?

    init(_ rate: RequestRate) {
        interval = .seconds(1) / rate.perSecond
        depth = interval * rate.burst
    }

    /// Takes a token if there is one.
    mutating func take(at now: Instant) -> Bool {
        guard next(after: now) <= now else { return false }
        full = max(full ?? now, now) + interval
        return true
    }

    /// When the next token can be taken: `now`, or later.
    func next(after now: Instant) -> Instant {
        guard let full else { return now }
        return max(now, full + interval - depth)
    }

    func isFull(at now: Instant) -> Bool { full.map { $0 <= now } ?? true }
}
