// SPDX-License-Identifier: Apache-2.0

/// Decides how long to wait before another worker is started: not at all, unless workers die again and again.
///
/// Times are durations since any one moment.
struct DeathCount: Sendable {
    /// So many deaths within so long are too many.
    static let tolerated = 5
    static let window: Duration = .seconds(60)
    static let longestPause: Duration = .seconds(60)

    private var deaths: [Duration] = []
    private var lastPause: Duration = .zero

    /// - Parameters:
    ///   - start: When the worker that died was started.
    ///   - now: When it died.
    /// - Returns: The pause; nil: there is none.
    mutating func died(at now: Duration, startedAt start: Duration) -> Duration? {
        if now - start >= Self.window {
            // It did well: whatever went wrong before is over.
            deaths = []
            lastPause = .zero
        }
        deaths = deaths.filter { now - $0 < Self.window } + [now]
        guard deaths.count >= Self.tolerated || lastPause > .zero else { return nil }
        lastPause = lastPause == .zero ? .seconds(1) : min(lastPause * 2, Self.longestPause)
        return lastPause
    }
}
