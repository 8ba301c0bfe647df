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
        /// Where the next byte goes.
        var next: Int64
        /// Where it may stop; the request may reach further.
        var end: Int64
        let requestedEnd: Int64
        var hasReceived = false
    }

    private struct Read: Sendable {
        let range: Range<Int64>
        /// What is missing of it, and of what should be read ahead of it, in order.
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

    let size: Int64
    private let limit: Int
    /// The service ignores ranges: there is one download, from the start to the end.
    private(set) var isStream: Bool
    private(set) var downloads: [Int: Download] = [:]
    private var reads: [Int: Read] = [:]
    private var order: [Int] = []
    private var nextDownload = 0
    private var breaks = 0
    /// The furthest byte a stream has brought: what counts as progress after it began again.
    private var furthest: Int64 = 0

    init(size: Int64, isStream: Bool, limit: Int) {
        self.size = size
        self.isStream = isStream
        self.limit = limit
    }

    var hasReads: Bool { !reads.isEmpty }

    // MARK: Events

    /// A read waits.
    ///
    /// - Parameters:
    ///   - missing: What is not held of the read's range and of what should be read ahead of it.
    mutating func read(_ read: Int, range: Range<Int64>, missing: [Range<Int64>]) -> [Action] {
        let new = Read(range: range, missing: missing)
        guard !new.needs.isEmpty else { return [.finish(read: read)] }
        reads[read] = new
        order.append(read)
        return schedule()
    }

    /// Nobody waits for the read any more.
    mutating func cancel(read: Int) {
        reads[read] = nil
        order.removeAll { $0 == read }
    }

    /// These missing bytes are worth having soon; nothing where the result is busy enough.
    ///
    /// - Parameter least: Less is left for later, so that requests stay large; the end of the result is never left.
    mutating func readAhead(_ missing: [Range<Int64>], least: Int64) -> [Action] {
        var actions: [Action] = []
        for piece in missing {
            for part in uncovered(piece) where downloads.count < limit {
                guard part.upperBound - part.lowerBound >= least || part.upperBound == size else { continue }
                if isStream {
                    actions += startStream()
                } else {
                    actions.append(start(part))
                }
            }
        }
        return actions
    }

    /// A download that was begun elsewhere (the probe's) goes on as this result's.
    mutating func adopt(_ range: Range<Int64>) -> Int {
        guard case .start(let download, _) = start(range) else { preconditionFailure("start is what start returns") }
        return download
    }

    /// Bytes up to `position` have been stored.
    mutating func arrived(_ id: Int, upTo position: Int64) -> [Action] {
        guard var download = downloads[id] else { return [.stop(download: id)] }
        let arrived = download.next..<max(download.next, position)
        download.next = arrived.upperBound
        download.hasReceived = true
        if !isStream || position > furthest {
            furthest = max(furthest, position)
            breaks = 0
        }
        downloads[id] = download
        var actions = finishReads(arrived)
        if download.next >= download.end {
            downloads[id] = nil
            if download.end < download.requestedEnd { actions.append(.stop(download: id)) }
            actions += schedule()
        }
        return actions
    }

    /// A download has ended, well or not; what it leaves undone is begun again or failed.
    mutating func ended(_ id: Int, _ error: FetchError?) -> [Action] {
        guard let download = downloads.removeValue(forKey: id) else { return [] }
        let left = download.next..<max(download.next, download.end)
        guard !left.isEmpty else { return schedule() }
        let error = error ?? .shortBody("the body ended at byte \(download.next) of \(download.end)")
        if error.isBreak, breaks < Self.restarts {
            breaks += 1
            return schedule()
        }
        breaks = 0
        return fail(readsNeeding: isStream ? 0..<size : left, error) + schedule()
    }

    /// The service turned out to ignore ranges: the download that showed it brings the whole.
    mutating func becomeStream(_ id: Int) -> [Action] {
        let others = downloads.keys.filter { $0 != id }
        for other in others { downloads[other] = nil }
        isStream = true
        downloads[id] = Download(next: 0, end: size, requestedEnd: size, hasReceived: true)
        return others.map { .stop(download: $0) }
    }

    /// Every waiting read fails, and every download ends.
    mutating func abandon(_ error: FetchError) -> [Action] {
        let all = downloads.keys.map { Action.stop(download: $0) }
        downloads.removeAll()
        return all + fail(readsNeeding: 0..<max(size, 1), error)
    }

    /// Ends the downloads no read waits for.
    mutating func dropUnneeded() -> [Action] {
        var actions: [Action] = []
        for (id, download) in downloads {
            let rest = isStream ? 0..<size : download.next..<download.end
            guard !reads.values.contains(where: { $0.needs(anyOf: rest) }) else { continue }
            downloads[id] = nil
            actions.append(.stop(download: id))
        }
        return actions
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

    /// The reads among `candidates` that wait for what `download` is to bring.
    func reads(servedBy download: Int) -> [Int] {
        guard let download = downloads[download] else { return [] }
        let rest = download.next..<max(download.next, download.end)
        return order.filter { reads[$0]?.needs(anyOf: rest) == true }
    }

    // MARK: Decisions

    /// Starts what waiting reads need and no download brings.
    private mutating func schedule() -> [Action] {
        if isStream { return hasReads ? startStream() : [] }
        var actions: [Action] = []
        for id in order {
            guard let read = reads[id] else { continue }
            for piece in read.missing where piece.overlaps(read.range) {
                let need = piece.clamped(to: read.range)
                for part in uncovered(need) where downloads.count < limit {
                    let end = nextStart(after: part.lowerBound, before: piece.upperBound)
                    actions.append(start(part.lowerBound..<max(end, part.upperBound)))
                }
                actions += split(at: need.lowerBound, end: piece.upperBound)
            }
        }
        return actions
    }

    /// A read far ahead of the download that would bring its bytes gets one of its own, and that one stops there.
    private mutating func split(at offset: Int64, end: Int64) -> [Action] {
        guard downloads.count < limit,
            let (id, download) = downloads.first(where: { $0.value.next <= offset && offset < $0.value.end }),
            offset - download.next > Self.joinDistance
        else { return [] }
        downloads[id]?.end = offset
        return [start(offset..<min(download.end, end))]
    }

    private mutating func startStream() -> [Action] {
        downloads.isEmpty && size > 0 ? [start(0..<size)] : []
    }

    private mutating func start(_ range: Range<Int64>) -> Action {
        let id = nextDownload
        nextDownload += 1
        downloads[id] = Download(next: range.lowerBound, end: range.upperBound, requestedEnd: range.upperBound)
        return .start(download: id, range: range)
    }

    /// The parts of `piece` that no download is to bring, in order.
    private func uncovered(_ piece: Range<Int64>) -> [Range<Int64>] {
        if isStream { return downloads.isEmpty ? [piece] : [] }
        var parts = [piece]
        for download in downloads.values where download.next < download.end {
            parts = parts.flatMap { $0.subtracting(download.next..<download.end) }
        }
        return parts
    }

    private func nextStart(after offset: Int64, before limit: Int64) -> Int64 {
        downloads.values.reduce(limit) { $1.next > offset ? min($0, $1.next) : $0 }
    }

    private mutating func finishReads(_ arrived: Range<Int64>) -> [Action] {
        guard !arrived.isEmpty, hasReads else { return [] }
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
