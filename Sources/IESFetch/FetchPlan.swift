// SPDX-License-Identifier: Apache-2.0

/// Decides what of one result to download, and when a waiting read may go on.
///
/// Holds no clock, socket or file: each event returns the actions to carry out. A byte is asked for
/// once at a time, however many reads wait for it; every read is finished or failed exactly once.
struct FetchPlan: Sendable {
    enum Action: Hashable, Sendable {
        case start(download: Int, range: Range<Int64>)
        /// Its last needed byte has arrived, or nobody needs it.
        case stop(download: Int)
        case finish(read: Int)
        case fail(read: Int, FetchError)
    }

    /// A read this far behind what a download has reached waits for it rather than starting another.
    static let joinDistance: Int64 = 4 << 20
    /// Broken bodies in a row, without a byte between them.
    static let restarts = 3
    /// What one connection brings in a hundredth of a second or so.
    static let handover: Int64 = 1 << 20

    let size: Int64
    /// Downloads that may run at once.
    var limit: Int
    /// As many may run to read ahead.
    var parallel: Int
    /// The service ignores ranges: there is one download, from the start to the end.
    private(set) var isStream: Bool
    var downloads: [Int: Download] = [:]
    /// Connections that were wanted above the limit when last scheduled.
    var unmet = (reads: 0, ahead: 0)
    var reads: [Int: Read] = [:]
    var order: [Int] = []
    /// By reader; the one that was told last is served first.
    var aheads: [(reader: Int, ahead: ReadAhead)] = []
    var nextDownload = 0
    private var breaks = 0
    /// Downloads before it were begun before the last break that counted: those of them that break, broke with it.
    private var firstAfterBreak = 0
    /// The furthest byte a stream has brought: what counts as progress after it began again.
    private var furthest: Int64 = 0

    init(size: Int64, isStream: Bool, limit: Int, parallel: Int = .max) {
        self.size = size
        self.isStream = isStream
        self.limit = limit
        self.parallel = parallel
    }

    var hasReads: Bool { !reads.isEmpty }

    // MARK: Events

    /// A read waits.
    ///
    /// - Parameters:
    ///   - missing: What is not held of the read's range and of what should be fetched with it.
    mutating func read(_ read: Int, range: Range<Int64>, missing: [Range<Int64>]) -> [Action] {
        let settled = settle()
        let new = Read(range: range, missing: missing)
        guard !new.needs.isEmpty else { return settled + [.finish(read: read)] }
        reads[read] = new
        order.append(read)
        return settled + schedule()
    }

    /// Nobody waits for the read any more.
    mutating func cancel(read: Int) {
        reads[read] = nil
        order.removeAll { $0 == read }
    }

    /// These missing bytes are worth having soon, in place of those that were said of this reader before.
    mutating func readAhead(_ ahead: ReadAhead, for reader: Int) -> [Action] {
        forget(reader: reader)
        aheads.insert((reader, ahead), at: 0)
        return settle() + schedule()
    }

    /// Nothing is read ahead any more for this reader.
    mutating func forget(reader: Int) { aheads.removeAll { $0.reader == reader } }

    /// As many downloads may run at once: some are stopped if more do, those that no read waits for first.
    mutating func permit(_ limit: Int) -> [Action] {
        self.limit = limit
        var actions = settle()
        while downloads.count > limit, !isStream {
            let victim = downloads.max { left, right in
                let (serves, other) = (isAwaited(left.value.left), isAwaited(right.value.left))
                return serves == other ? left.value.next < right.value.next : serves
            }
            guard let victim else { break }
            actions.append(stop(victim.key))
        }
        return actions + schedule()
    }

    /// What was measured of each download, in bytes per second.
    mutating func measured(_ rates: [Int: Double]) -> [Action] {
        for (id, rate) in rates { downloads[id]?.rate = rate }
        return settle() + schedule()
    }

    /// A download that was begun elsewhere (the probe's) goes on as this result's.
    mutating func adopt(_ range: Range<Int64>) -> Int {
        guard case .start(let download, _) = start(range) else { preconditionFailure("start is what start returns") }
        return download
    }

    /// Whether `arrived` has more to do than to count.
    func isDue(_ id: Int, upTo position: Int64) -> Bool { downloads[id].map { position >= $0.due } ?? true }

    /// Bytes up to `position` have been stored. Cheap while nobody waits for them.
    mutating func arrived(_ id: Int, upTo position: Int64) -> [Action] {
        guard let index = downloads.index(forKey: id) else { return [.stop(download: id)] }
        if !isStream || position > furthest {
            furthest = max(furthest, position)
            breaks = 0
        }
        let next = max(downloads.values[index].next, position)
        downloads.values[index].next = next
        guard next >= downloads.values[index].due else { return [] }
        var actions = settle()
        let download = downloads.values[index]
        if next >= download.end {
            downloads[id] = nil
            if download.end < download.requested.upperBound { actions.append(.stop(download: id)) }
        }
        return actions + schedule()
    }

    /// A download has ended, well or not; what it leaves undone is begun again or failed.
    mutating func ended(_ id: Int, _ error: FetchError?) -> [Action] {
        let settled = settle()
        guard let download = downloads.removeValue(forKey: id) else { return settled }
        guard !download.left.isEmpty else { return settled + schedule() }
        let error = error ?? .shortBody("the body ended at byte \(download.next) of \(download.end)")
        if error.isBreak, id < firstAfterBreak { return settled + schedule() }
        if error.isBreak, breaks < Self.restarts {
            breaks += 1
            firstAfterBreak = nextDownload
            return settled + schedule()
        }
        breaks = 0
        // What could not be had is not read ahead again.
        aheads.removeAll()
        return settled + fail(readsNeeding: isStream ? 0..<size : download.left, error) + schedule()
    }

    /// The service turned out to ignore ranges: the download that showed it brings the whole.
    mutating func becomeStream(_ id: Int) -> [Action] {
        let settled = settle()
        let others = downloads.keys.filter { $0 != id }
        for other in others { downloads[other] = nil }
        isStream = true
        aheads.removeAll()
        downloads[id] = Download(0..<size)
        refreshDue()
        return settled + others.map { .stop(download: $0) }
    }

    /// Every waiting read fails, and every download ends.
    mutating func abandon(_ error: FetchError) -> [Action] {
        let all = downloads.keys.map { Action.stop(download: $0) }
        let settled = settle()
        downloads.removeAll()
        aheads.removeAll()
        return settled + all + fail(readsNeeding: 0..<max(size, 1), error)
    }

    /// Ends the downloads no read waits for.
    mutating func dropUnneeded() -> [Action] {
        aheads.removeAll()
        var actions = settle()
        for (id, download) in downloads where !isAwaited(isStream ? 0..<size : download.left) {
            actions.append(stop(id))
        }
        return actions + schedule()
    }

    /// Fails the reads that wait for any byte of `range`.
    mutating func fail(readsNeeding range: Range<Int64>, _ error: FetchError) -> [Action] {
        var actions: [Action] = []
        for id in order where reads[id]?.needs(anyOf: range) == true {
            reads[id] = nil
            actions.append(.fail(read: id, error))
        }
        order.removeAll { reads[$0] == nil }
        return actions
    }

    /// What the plan does with connections, and could do.
    var demand: ConnectionBudget.Demand {
        let inUse = downloads.count
        let serving = downloads.values.count { isAwaited(isStream ? 0..<size : $0.left) }
        let (reads, ahead) = (hasReads ? unmet.reads : 0, hasReads || !aheads.isEmpty ? unmet.ahead : 0)
        return ConnectionBudget.Demand(inUse: inUse, needed: serving + reads, wanted: inUse + reads + ahead)
    }

    /// Whether `download` is to bring bytes that the read waits for.
    func serves(_ download: Int, read: Int) -> Bool {
        guard let download = downloads[download] else { return false }
        return reads[read]?.needs(anyOf: isStream ? 0..<size : download.left) == true
    }
}
