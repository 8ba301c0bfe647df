// SPDX-License-Identifier: Apache-2.0

/// Whether the cache's disk is used: a value without a clock.
///
/// After a failure it is passed by for a while, twice as long after each that follows; the first thing that works
/// ends that.
struct DiskHealth: Sendable {
    /// How often in a row it fails until it counts as down.
    static let patience = 3
    static let longestPause: Duration = .seconds(60)

    let firstPause: Duration
    private var failures = 0
    private var retryAt: ContinuousClock.Instant?

    init(firstPause: Duration) { self.firstPause = firstPause }

    var state: DiskState {
        switch failures {
        case 0: .normal
        case 1..<Self.patience: .unstable
        default: .down
        }
    }

    /// Whether it may be tried now.
    func mayTry(at now: ContinuousClock.Instant) -> Bool { retryAt.map { now >= $0 } ?? true }

    /// How long it is to be passed by.
    func pause(at now: ContinuousClock.Instant) -> Duration { max(.zero, (retryAt ?? now) - now) }

    /// - Returns: Whether it was in order before.
    mutating func failed(at now: ContinuousClock.Instant) -> Bool {
        // What was begun before the last failure says nothing new.
        guard mayTry(at: now) else { return false }
        failures += 1
        retryAt = now + min(firstPause * (1 << min(failures - 1, 10)), Self.longestPause)
        return failures == 1
    }

    /// - Returns: Whether it was not in order before.
    mutating func worked() -> Bool {
        defer { (failures, retryAt) = (0, nil) }
        return failures > 0
    }
}

/// How the cache's disk is doing.
package enum DiskState: String, Hashable, Sendable {
    case normal
    /// It failed or stalled a moment ago and is passed by.
    case unstable
    /// It has failed several times in a row.
    case down
}
