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

    struct Download: Hashable, Sendable {
        let requested: Range<Int64>
        /// Where the next byte goes.
        var next: Int64
        /// Where it may stop; the request may reach further.
        var end: Int64
        /// Up to where reads have been told.
        var told: Int64
        /// Bytes before this one need no decision.
        var due: Int64
        /// In bytes per second, as last measured; nil: not yet.
        var rate: Double?

        init(_ range: Range<Int64>) {
            requested = range
            (next, told, end, due) = (range.lowerBound, range.lowerBound, range.upperBound, range.upperBound)
        }

        var left: Range<Int64> { next..<max(next, end) }

        /// So near its end that the next one can begin, lest the line rests in between.
        var handover: Int64 { end - min(FetchPlan.handover, (end - requested.lowerBound) / 8) }
    }

    struct Read: Sendable {
        let range: Range<Int64>
        /// What is missing of it, and of what should be fetched with it, in order.
        var missing: [Range<Int64>]

        /// What it still waits for.
        var needs: [Range<Int64>] { missing.map { $0.clamped(to: range) }.filter { !$0.isEmpty } }

        func needs(anyOf other: Range<Int64>) -> Bool {
            missing.contains { $0.overlaps(other) && $0.clamped(to: other).overlaps(range) }
        }
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
    private(set) var downloads: [Int: Download] = [:]
    /// Connections that were wanted above the limit when last scheduled.
    private(set) var unmet = (reads: 0, ahead: 0)
    private(set) var reads: [Int: Read] = [:]
    private var order: [Int] = []
    /// By reader; the one that was told last is served first.
    private var aheads: [(reader: Int, ahead: ReadAhead)] = []
    private var nextDownload = 0
    private var breaks = 0
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
        if error.isBreak, breaks < Self.restarts {
            breaks += 1
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
        let (reads, ahead) = (hasReads ? unmet.reads : 0, aheads.isEmpty ? 0 : unmet.ahead)
        return ConnectionBudget.Demand(inUse: inUse, needed: serving + reads, wanted: inUse + reads + ahead)
    }

    /// Whether `download` is to bring bytes that the read waits for.
    func serves(_ download: Int, read: Int) -> Bool {
        guard let download = downloads[download] else { return false }
        return reads[read]?.needs(anyOf: isStream ? 0..<size : download.left) == true
    }

    // MARK: Decisions

    /// Starts what is needed and no download brings: for waiting reads first, then ahead of readers.
    private mutating func schedule() -> [Action] {
        unmet = (0, 0)
        defer { refreshDue() }
        if isStream { return hasReads || !aheads.isEmpty ? startStream() : [] }
        var actions: [Action] = []
        for id in order {
            guard let read = reads[id] else { continue }
            for piece in read.missing where piece.overlaps(read.range) {
                let need = piece.clamped(to: read.range)
                for part in uncovered(piece) where part.overlaps(need) {
                    if downloads.count < limit { actions.append(start(part)) } else { unmet.reads += 1 }
                }
                actions += split(at: need.lowerBound, end: piece.upperBound)
            }
        }
        actions += cutLaggard()
        actions += goAhead()
        if actions.isEmpty { actions += shareRest() }
        return actions
    }

    /// A read far ahead of the download that would bring its bytes gets one of its own, and that one stops there.
    private mutating func split(at offset: Int64, end: Int64) -> [Action] {
        guard let (id, download) = downloads.first(where: { $0.value.next <= offset && offset < $0.value.end }),
            offset - download.next > Self.joinDistance
        else { return [] }
        guard downloads.count < limit else {
            unmet.reads += 1
            return []
        }
        return [cut(id, at: offset, until: min(download.end, end))]
    }

    private mutating func goAhead() -> [Action] {
        var actions: [Action] = []
        for (_, ahead) in aheads {
            while let part = ahead.next(among: uncovered, size: size) {
                guard downloads.values.count(where: { $0.next < $0.handover }) < parallel else { return actions }
                guard downloads.count < limit else {
                    unmet.ahead += 1
                    return actions
                }
                actions.append(start(part))
            }
        }
        return actions
    }

    private mutating func startStream() -> [Action] {
        guard downloads.isEmpty, size > 0 else { return [] }
        guard limit > 0 else {
            unmet.reads += 1
            return []
        }
        return [start(0..<size)]
    }

    private mutating func start(_ range: Range<Int64>) -> Action {
        let id = nextDownload
        nextDownload += 1
        downloads[id] = Download(range)
        return .start(download: id, range: range)
    }

    private mutating func stop(_ id: Int) -> Action {
        downloads[id] = nil
        return .stop(download: id)
    }

    /// Another download takes over from `offset` on.
    mutating func cut(_ id: Int, at offset: Int64, until end: Int64) -> Action {
        downloads[id]?.end = offset
        return start(offset..<end)
    }

    /// Another download takes over all that is left.
    mutating func replace(_ id: Int) -> [Action] {
        guard let download = downloads[id] else { return [] }
        return [stop(id), start(download.left)]
    }

    private func isAwaited(_ range: Range<Int64>) -> Bool { reads.values.contains { $0.needs(anyOf: range) } }

    /// The parts of `piece` that no download is to bring, in order.
    private func uncovered(_ piece: Range<Int64>) -> [Range<Int64>] {
        if isStream { return downloads.isEmpty ? [piece] : [] }
        var parts = [piece]
        for download in downloads.values where download.told < download.end {
            parts = parts.flatMap { $0.subtracting(download.told..<download.end) }
        }
        return parts
    }

    // MARK: Bookkeeping

    /// Tells reads, and what is to be read ahead, of the bytes that have arrived since the last time.
    private mutating func settle() -> [Action] {
        var actions: [Action] = []
        for (id, download) in downloads where download.told < download.next {
            downloads[id]?.told = download.next
            let arrived = download.told..<download.next
            for index in aheads.indices { aheads[index].ahead.arrived(arrived) }
            actions += finishReads(arrived)
        }
        aheads.removeAll { $0.ahead.missing.isEmpty }
        return actions
    }

    private mutating func finishReads(_ arrived: Range<Int64>) -> [Action] {
        var actions: [Action] = []
        for id in order {
            guard var read = reads[id], read.missing.contains(where: { $0.overlaps(arrived) }) else { continue }
            read.missing = read.missing.flatMap { $0.subtracting(arrived) }
            if read.missing.contains(where: { $0.overlaps(read.range) }) {
                reads[id] = read
            } else {
                reads[id] = nil
                actions.append(.finish(read: id))
            }
        }
        if !actions.isEmpty { order.removeAll { reads[$0] == nil } }
        return actions
    }

    private mutating func refreshDue() {
        for (id, download) in downloads {
            var due = download.end
            if !aheads.isEmpty, download.next < download.handover { due = download.handover }
            for read in reads.values {
                for need in read.needs where need.overlaps(download.told..<max(download.told, download.end)) {
                    due = min(due, need.upperBound)
                }
            }
            downloads[id]?.due = due
        }
    }
}

extension Range<Int64> {
    /// What is left without `other`: none, one or two ranges.
    func subtracting(_ other: Range<Int64>) -> [Range<Int64>] {
        guard overlaps(other) else { return isEmpty ? [] : [self] }
        var parts: [Range<Int64>] = []
        if lowerBound < other.lowerBound { parts.append(lowerBound..<other.lowerBound) }
        if other.upperBound < upperBound { parts.append(other.upperBound..<upperBound) }
        return parts
    }
}
