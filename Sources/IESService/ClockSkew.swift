// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Synchronization

/// How far the service's clock is ahead of this machine's, once that is known to matter.
final class ClockSkew: Sendable {
    /// The service accepts signatures up to 15 minutes off; a smaller difference is not why it refused one.
    private static let greatest: TimeInterval = 300

    private let seconds = Mutex<TimeInterval>(0)

    static func isDecisive(_ difference: TimeInterval) -> Bool { abs(difference) > greatest }

    func applied(to date: Date) -> Date {
        date.addingTimeInterval(seconds.withLock { $0 })
    }

    /// Learns from the service's clock, and returns the difference; nil if another call has learnt it already.
    func learn(server: Date, now: Date) -> TimeInterval? {
        seconds.withLock { seconds in
            guard Self.isDecisive(server.timeIntervalSince(now) - seconds) else { return nil }
            seconds = server.timeIntervalSince(now)
            return seconds
        }
    }
}
