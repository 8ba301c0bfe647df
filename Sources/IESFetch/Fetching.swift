// SPDX-License-Identifier: Apache-2.0

import IESService

/// The changing part of a `FetchedResult`.
struct Fetching {
    typealias Continuation = CheckedContinuation<Result<Void, FetchError>, Never>

    struct Waiting {
        let continuation: Continuation
        var deadline: ContinuousClock.Instant
        let stream: ObjectIdentifier?
        let priority: RequestPriority
    }

    private struct Failure {
        let range: Range<Int64>
        let error: FetchError
        let until: ContinuousClock.Instant
    }

    /// What is known of a download's speed.
    private struct Pace {
        var position: Int64
        var time: ContinuousClock.Instant
        var rate: Double?
    }

    var plan: FetchPlan
    var climb: ConnectionClimb
    /// What readers will want, to be looked at again when there are more connections.
    var wishes: [FetchedResult.Reader: ReadPattern.Wish] = [:]
    /// What was last said of the plan's connections.
    var told = ConnectionBudget.Demand()
    var downloads: [Int: Download] = [:]
    var waiting: [Int: Waiting] = [:]
    var nextRead = 0
    var openStreams = 0
    var isChanged = false
    /// The service has sent bytes of it in this run.
    var hasArrived = false
    /// The download that is held because nobody reads yet.
    var held: Int?
    var lastFailure: FetchError?
    /// When each download brought its last byte.
    var lastBytes: [Int: ContinuousClock.Instant] = [:]
    private var failures: [Failure] = []
    private var paces: [Int: Pace] = [:]

    init(plan: FetchPlan, climb: ConnectionClimb) {
        self.plan = plan
        self.climb = climb
    }

    /// Nobody reads, and no file is open that would.
    var isUnread: Bool { openStreams == 0 && waiting.isEmpty }

    mutating func releaseHold() -> Download? {
        defer { held = nil }
        return held.flatMap { downloads[$0] }
    }

    /// Measures the downloads that have not been measured for a while: bytes per second, evened out.
    mutating func measure(at now: ContinuousClock.Instant) -> [Int: Double] {
        var news: [Int: Double] = [:]
        paces = paces.filter { plan.downloads[$0.key] != nil }
        for (id, download) in plan.downloads {
            guard var pace = paces[id] else {
                paces[id] = Pace(position: download.next, time: now)
                continue
            }
            let time = (now - pace.time) / .seconds(1)
            guard time >= Self.measurement else { continue }
            let rate = Double(download.next - pace.position) / time
            // Servers that count each second anew send in bursts.
            pace = Pace(position: download.next, time: now, rate: pace.rate.map { $0 * 0.7 + rate * 0.3 } ?? rate)
            paces[id] = pace
            news[id] = pace.rate
        }
        return news
    }

    /// In seconds.
    private static let measurement = 0.5

    mutating func remember(_ error: FetchError, in range: Range<Int64>, until: ContinuousClock.Instant) {
        if error != .cancelled { failures.append(Failure(range: range, error: error, until: until)) }
    }

    /// The failure that `missing` shares a byte with, if it is recent.
    mutating func failure(in missing: [Range<Int64>], now: ContinuousClock.Instant) -> FetchError? {
        failures.removeAll { $0.until <= now }
        return failures.first { failure in missing.contains { $0.overlaps(failure.range) } }?.error
    }
}
