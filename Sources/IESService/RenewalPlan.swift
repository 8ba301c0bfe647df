// SPDX-License-Identifier: Apache-2.0

/// Credentials that end, as they were issued.
struct IssuedCredentials: Sendable, Hashable {
    let credentials: Credentials
    /// By the issuer's own clock. Nil: nobody said.
    let lifetime: Duration?
}

/// Decides when credentials that end are to be renewed: some time ahead, which chance spreads, and after a failure again and
/// again. Those there are stay in use until then.
struct RenewalPlan: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Step: Hashable, Sendable {
        /// In use; if `renews`, they are also to be renewed now, which this call has begun.
        case use(Credentials, renews: Bool)
        /// There are none: wait for the renewal, which this call has begun if `begins`.
        case wait(begins: Bool)
        /// There are none, and it is too early for another try.
        case fail(CredentialError, nextTry: Instant)
    }

    /// So long before the end is a renewal due, at the latest and at the earliest.
    let margin: ClosedRange<Duration>
    private var held: (credentials: Credentials, end: Instant?, renewal: Instant?)?
    private var failure: (error: CredentialError, nextTry: Instant, count: Int)?
    private(set) var isUnderWay = false
    /// They are no good although they have not ended.
    private var isSpent = false
    /// How many in a row the service has refused without ever taking one.
    private var rejections = 0
    private var wasAccepted = false

    static let retry = Backoff(base: .seconds(1), cap: .seconds(60))

    init(margin: ClosedRange<Duration>) { self.margin = margin }

    /// Whether there have ever been any.
    var hasHeld: Bool { held != nil }
    var end: Instant? { held?.end }

    mutating func step(at now: Instant) -> Step {
        let mayTry = !isUnderWay && failure.map { $0.nextTry <= now } ?? true
        if let held, !isSpent, held.end.map({ now < $0 }) ?? true {
            let renews = mayTry && held.renewal.map { $0 <= now } ?? false
            isUnderWay = isUnderWay || renews
            return .use(held.credentials, renews: renews)
        }
        if !isUnderWay, !mayTry, let failure { return .fail(failure.error, nextTry: failure.nextTry) }
        defer { isUnderWay = true }
        return .wait(begins: !isUnderWay)
    }

    /// - Parameter random: From 0 up to but not including 1.
    mutating func renewed(_ issued: IssuedCredentials, at now: Instant, random: Double) {
        isUnderWay = false
        failure = nil
        if held?.credentials != issued.credentials { wasAccepted = false }
        isSpent = false
        guard let lifetime = issued.lifetime else {
            held = (issued.credentials, nil, nil)
            return
        }
        let ahead = margin.lowerBound + (margin.upperBound - margin.lowerBound) * min(max(random, 0), 1)
        // An issuer may hand out what it has until it is nearly over.
        let wait = lifetime > ahead ? lifetime - ahead : lifetime / 2
        held = (issued.credentials, now + lifetime, now + wait)
    }

    mutating func failed(_ error: CredentialError, at now: Instant, random: Double) {
        isUnderWay = false
        let count = (failure?.count ?? 0) + 1
        let bound =
            error.isFinal
            ? CredentialLatch.hold.bound(beforeRetry: count - 1) : Self.retry.bound(beforeRetry: count - 1)
        // Half of it is chance: never at once, and hosts that failed together do not come back together.
        failure = (error, now + bound * (error.isFinal ? 1 : 0.5 + min(max(random, 0), 1) / 2), count)
    }

    /// The service takes these.
    mutating func accepted(_ credentials: Credentials) {
        guard held?.credentials == credentials else { return }
        wasAccepted = true
        rejections = 0
    }

    /// The service refuses these; if they are what is held, the next use waits for new ones. Where new ones were refused as
    /// well, without ever working, they are at fault no more, and none are asked for during a while that grows.
    mutating func refused(_ credentials: Credentials, because error: CredentialError, at now: Instant) {
        guard held?.credentials == credentials, !isSpent else { return }
        isSpent = true
        rejections += wasAccepted ? 0 : 1
        guard rejections > 1 else { return }
        failure = (error, now + CredentialLatch.hold.bound(beforeRetry: rejections - 2), rejections - 1)
    }

    /// Asks anew whatever has failed.
    mutating func forgive() { (failure, rejections) = (nil, 0) }
}
