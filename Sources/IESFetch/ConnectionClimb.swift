// SPDX-License-Identifier: Apache-2.0

/// Decides how many connections one result is worth, by what another one brought.
///
/// Holds no clock: it is looked at now and then, and told the time. While readers wait, connections are doubled for as
/// long as that brings more, or while none brings anything; later fewer are tried again, since the line may be the
/// limit, and not each connection.
struct ConnectionClimb: Sendable {
    typealias Instant = ContinuousClock.Instant

    private enum Phase: Hashable, Sendable {
        /// Another step up is taken as soon as readers have waited through one measurement.
        case rising
        /// After a step up from so many connections, which brought this rate.
        case proving(from: Int, rate: Double)
        /// Fewer are tried than so many, which brought this rate.
        case saving(from: Int, rate: Double)
        /// Nothing is tried until then.
        case resting(until: Instant)
    }

    /// How long a measurement takes at least.
    static let measurement: Duration = .milliseconds(100)
    /// The same where fewer connections are tried: servers that count each second anew have to be seen through.
    static let longMeasurement: Duration = .seconds(2)
    /// Readers that did not wait for so long have enough.
    static let idle: Duration = .seconds(3)
    /// Connections that bring a fifth more when doubled are worth it, those that bring less than a tenth are not.
    private static let gain = 1.2
    private static let loss = 0.9
    /// Where all connections are needed, a trial with half of them for two seconds costs one: not often.
    private static let firstRest: Duration = .seconds(15)
    private static let longestRest: Duration = .seconds(160)
    /// Looks without a byte, after which each connection is taken to be held back.
    private static let silence = 2

    let most: Int
    /// How many may be used to read ahead.
    private(set) var connections = 1
    private var phase = Phase.rising
    private var rest = Self.firstRest
    /// Since the measurement began: bytes, and the time that readers waited.
    private var bytes: Int64 = 0
    private var waited: Duration = .zero
    private var start: Instant?
    private var stepped: Instant?
    private var wasSilent = false
    /// Since the last look.
    private var news: Int64 = 0
    private var silentLooks = 0
    private var last: (time: Instant, isWaiting: Bool)?

    init(most: Int) { self.most = max(1, most) }

    mutating func received(_ count: Int64) { news &+= count }

    /// To be called a few times in a tenth of a second while readers wait.
    ///
    /// - Parameters:
    ///   - isWaiting: Whether a reader waits now.
    ///   - inUse: Connections under way.
    ///   - isFlowing: Whether each of them has brought its first byte.
    mutating func look(at now: Instant, isWaiting: Bool, inUse: Int, isFlowing: Bool) {
        defer {
            last = (now, isWaiting)
            news = 0
        }
        guard let start, let last else { return begin(now) }
        guard now - last.time < Self.idle else {
            connections = max(1, connections / 2)
            return enter(.rising, now)
        }
        let hasWaited = isWaiting && last.isWaiting
        if hasWaited { waited += now - last.time }
        silentLooks = hasWaited && news == 0 ? silentLooks + 1 : 0
        if silentLooks > 0 { wasSilent = true }
        bytes += news
        judge(now, time: now - start, inUse: inUse, isFlowing: isFlowing)
    }

    private mutating func judge(_ now: Instant, time: Duration, inUse: Int, isFlowing: Bool) {
        let rate = Double(bytes) / max(time / .seconds(1), 0.001)
        let isStarved = waited * 2 >= time
        switch phase {
        case .rising:
            if silentLooks >= Self.silence { return rise(now) }
            guard time >= Self.measurement else { return }
            guard isStarved, isFlowing else { return begin(now) }
            guard connections < most else { return settle(now) }
            let (from, isEven) = (connections, !wasSilent)
            rise(now)
            if isEven { phase = .proving(from: from, rate: rate) }
        case .proving(let from, let before):
            if silentLooks >= Self.silence { return rise(now) }
            if !isFlowing, let stepped, now - stepped < .seconds(1) { return begin(now) }
            guard time >= Self.measurement else { return }
            if wasSilent || rate >= before * Self.gain { return enter(.rising, now) }
            connections = from
            settle(now)
        case .saving(let from, let before):
            guard inUse <= connections else { return begin(now) }
            guard time >= Self.longMeasurement else { return }
            guard rate >= before * Self.loss || !isStarved else {
                connections = from
                return settle(now)
            }
            connections > 1 ? save(rate, now) : settle(now)
        case .resting(let end):
            guard time >= Self.longMeasurement else { return }
            // What fewer bring is compared with what these brought lately.
            guard now >= end, isStarved else { return begin(now) }
            connections > 1 ? save(rate, now) : enter(.rising, now)
        }
    }

    private mutating func rise(_ now: Instant) {
        connections = min(connections * 2, most)
        stepped = now
        enter(.rising, now)
    }

    private mutating func save(_ rate: Double, _ now: Instant) {
        let from = connections
        connections = max(1, connections / 2)
        enter(.saving(from: from, rate: rate), now)
    }

    private mutating func settle(_ now: Instant) {
        enter(.resting(until: now + rest), now)
        rest = min(rest * 2, Self.longestRest)
    }

    private mutating func enter(_ phase: Phase, _ now: Instant) {
        self.phase = phase
        begin(now)
    }

    /// A measurement begins.
    private mutating func begin(_ now: Instant) {
        (start, bytes, waited, wasSilent, silentLooks) = (now, 0, .zero, false, 0)
    }
}
