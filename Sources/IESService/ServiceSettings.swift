// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// How the service is asked, and where time and chance come from.
package struct ServiceSettings: Sendable {
    /// The longest time without a byte from the network.
    package var timeout: Duration = .seconds(30)
    /// The longest wait for a connection.
    package var connectTimeout: Duration = .seconds(10)
    /// How often a call is tried again after a passing failure.
    package var retries = 5
    /// The budget of each project; nil: none.
    package var rate: RequestRate?
    package var userAgent = "iesfs"

    /// The wall clock: what is signed, and what a `Date` is compared with.
    package var now: @Sendable () -> Date = { Date() }
    /// The clock of deadlines.
    package var instant: @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    /// Waits between two tries; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// Waits for a deadline; throws when the task is cancelled.
    package var alarm: @Sendable (ContinuousClock.Instant) async throws -> Void = {
        try await Task.sleep(until: $0, clock: .continuous)
    }
    /// Waits until a request's turn may have come; throws when the task is cancelled.
    package var turn: @Sendable (ContinuousClock.Instant) async throws -> Void = {
        try await Task.sleep(until: $0, clock: .continuous)
    }
    /// A number from 0 up to but not including 1.
    package var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

    package init() {}
}
