// SPDX-License-Identifier: Apache-2.0

/// Exponential back-off with full jitter: anywhere from nothing to a bound that doubles with each try, so that many
/// hosts which failed together do not come back together.
package struct Backoff: Hashable, Sendable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration = .milliseconds(500), cap: Duration = .seconds(30)) {
        self.base = base
        self.cap = cap
    }

    /// - Parameters:
    ///   - retry: 0 for the wait before the first retry.
    ///   - random: From 0 up to but not including 1.
    package func delay(beforeRetry retry: Int, random: Double) -> Duration {
        bound(beforeRetry: retry) * min(max(random, 0), 1)
    }

    /// The longest that wait may be.
    package func bound(beforeRetry retry: Int) -> Duration {
        var bound = base
        for _ in 0..<max(0, retry) {
            guard bound < cap else { break }
            bound *= 2
        }
        return min(bound, cap)
    }
}
