// SPDX-License-Identifier: Apache-2.0

/// Decides with which credentials a call may go out, so that wrong ones are not tried often: the service locks a key after
/// about five wrong tries.
///
/// Credentials that have not worked yet are tried by one call at a time. Once refused they are held back for a minute,
/// longer each time; meanwhile those that worked before go on being used, if there are any.
struct CredentialLatch: TurnstileRules {
    typealias Instant = ContinuousClock.Instant

    /// What some credentials are for: a token may be one project's.
    struct Holder: Hashable, Sendable {
        let scope: ProjectID?
        let credentials: Credentials
    }

    struct Visitor: Sendable {
        let holder: Holder
        let deadline: Instant
    }

    enum Verdict: Sendable {
        case go(Credentials)
        /// They were refused a short while ago.
        case refused(ServiceError)
        /// No time is left, and whether they work is not known yet.
        case late
    }

    private struct Refusal {
        let error: ServiceError
        let until: Instant
        let level: Int
    }

    static let hold = Backoff(base: .seconds(60), cap: .seconds(600))
    /// So many names in a row that the service does not let the credentials see are not the names' fault.
    static let deniedNames = 5
    /// Anyone can name any number of projects, each with a token of its own.
    private static let kept = 1000

    private var waiting: [(id: Int, visitor: Visitor)] = []
    private var trials: [Holder: Int] = [:]
    /// Which have worked, the last at the end.
    private var proven: [Holder] = []
    private var refusals: [Holder: Refusal] = [:]
    private var denied: Set<String> = []

    /// Other credentials that have worked, and are not refused.
    func fallback(for holder: Holder, at now: Instant) -> Credentials? {
        proven.last { $0.scope == holder.scope && $0 != holder && !isRefused($0, at: now) }?.credentials
    }

    func hasWorked(_ holder: Holder) -> Bool { proven.contains(holder) }

    func isRefused(_ holder: Holder, at now: Instant) -> Bool { refusals[holder].map { now < $0.until } ?? false }

    mutating func enter(_ id: Int, _ visitor: Visitor, at now: Instant) {
        waiting.append((id, visitor))
    }

    mutating func leave(_ id: Int) {
        waiting.removeAll { $0.id == id }
    }

    mutating func decide(at now: Instant) -> [(id: Int, verdict: Verdict)] {
        var verdicts: [(id: Int, verdict: Verdict)] = []
        let all = waiting
        waiting.removeAll(keepingCapacity: true)
        for entry in all {
            if let verdict = verdict(entry.id, entry.visitor, at: now) {
                verdicts.append((entry.id, verdict))
            } else {
                waiting.append(entry)
            }
        }
        return verdicts
    }

    /// Nil: it waits for what becomes of another call.
    private mutating func verdict(_ id: Int, _ visitor: Visitor, at now: Instant) -> Verdict? {
        let holder = visitor.holder
        if isRefused(holder, at: now), let refusal = refusals[holder] {
            return fallback(for: holder, at: now).map { .go($0) } ?? .refused(refusal.error)
        }
        if proven.contains(holder) { return .go(holder.credentials) }
        guard trials[holder] != nil else {
            trials[holder] = id
            return .go(holder.credentials)
        }
        return visitor.deadline <= now ? .late : nil
    }

    func next(after now: Instant) -> Instant? { waiting.map(\.visitor.deadline).min() }

    /// The service has let a call with them through.
    mutating func accepted(_ holder: Holder) {
        trials[holder] = nil
        refusals[holder] = nil
        denied.removeAll()
        guard proven.last != holder else { return }
        proven.removeAll { $0 == holder }
        proven.append(holder)
        if proven.count > Self.kept { proven.removeFirst() }
    }

    /// The service has refused a call because of them. True: they are held back from now on, and were not before.
    @discardableResult
    mutating func refused(_ holder: Holder, _ error: ServiceError, at now: Instant) -> Bool {
        trials[holder] = nil
        proven.removeAll { $0 == holder }
        guard !isRefused(holder, at: now) else { return false }
        if refusals.count > Self.kept { refusals = refusals.filter { now < $0.value.until } }
        let level = refusals[holder].map { $0.level + 1 } ?? 0
        refusals[holder] = Refusal(error: error, until: now + Self.hold.bound(beforeRetry: level), level: level)
        return true
    }

    /// The service does not let them see one name.
    mutating func denied(_ holder: Holder, _ name: String, _ error: ServiceError, at now: Instant) -> Bool {
        trials[holder] = nil
        denied.insert(name)
        guard denied.count >= Self.deniedNames else { return false }
        denied.removeAll()
        return refused(holder, error, at: now)
    }

    /// A call with them, let in as `id`, has ended without saying anything about them.
    mutating func gaveUp(_ holder: Holder, by id: Int) {
        if trials[holder] == id { trials[holder] = nil }
    }

    /// Someone has looked after the credentials: whatever was refused may be tried again.
    mutating func forgive() {
        refusals.removeAll()
        denied.removeAll()
    }
}
