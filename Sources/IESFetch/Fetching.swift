// SPDX-License-Identifier: Apache-2.0

/// The changing part of a `FetchedResult`.
struct Fetching {
    typealias Continuation = CheckedContinuation<Result<Void, FetchError>, Never>

    struct Waiting {
        let continuation: Continuation
        var deadline: ContinuousClock.Instant
        let stream: ObjectIdentifier?
    }

    private struct Failure {
        let range: Range<Int64>
        let error: FetchError
        let until: ContinuousClock.Instant
    }

    var plan: FetchPlan
    var downloads: [Int: Download] = [:]
    var waiting: [Int: Waiting] = [:]
    var nextRead = 0
    var openStreams = 0
    var isChanged = false
    /// The download that is held because nobody reads yet.
    var held: Int?
    var lastFailure: FetchError?
    private var failures: [Failure] = []

    init(plan: FetchPlan) { self.plan = plan }

    /// Nobody reads, and no file is open that would.
    var isUnread: Bool { openStreams == 0 && waiting.isEmpty }

    mutating func releaseHold() -> Download? {
        defer { held = nil }
        return held.flatMap { downloads[$0] }
    }

    mutating func remember(_ error: FetchError, in range: Range<Int64>, until: ContinuousClock.Instant) {
        if error != .cancelled { failures.append(Failure(range: range, error: error, until: until)) }
    }

    /// The failure that `missing` shares a byte with, if it is recent.
    mutating func failure(in missing: [Range<Int64>], now: ContinuousClock.Instant) -> FetchError? {
        failures.removeAll { $0.until <= now }
        return failures.first { failure in missing.contains { $0.overlaps(failure.range) } }?.error
    }
}
