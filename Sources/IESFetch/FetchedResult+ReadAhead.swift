// SPDX-License-Identifier: Apache-2.0

import IESCache
import Synchronization

/// What is fetched before it is asked for.
extension FetchedResult {
    /// One of the readers that share an open file.
    struct Reader: Hashable, Sendable {
        let stream: Int
        let run: Int

        /// How the plan knows it.
        var number: Int { stream * (ReadPattern.strideRun + 1) + run }
    }

    /// Reads at distances up to this are fetched with what lies between them: another request costs more.
    private static let bridged: Int64 = 64 << 10

    /// A request brings its first byte first, which who reads backwards wants last.
    private static let backwardPiece: Int64 = 8 << 20

    /// Keeps ahead of a reader, who goes on as `wish` says.
    func readAhead(_ wish: ReadPattern.Wish, for stream: ReadStream) {
        guard !file.isComplete else { return }
        let reader = Reader(stream: stream.number, run: wish.run)
        let effects = fetching.withLock { fetching -> Effects in
            fetching.wishes[reader] = wish
            return carryOut(follow(wish, of: reader, &fetching), &fetching)
        }
        perform(effects)
    }

    /// What a wish comes to with as many connections as there are now.
    func follow(_ wish: ReadPattern.Wish, of reader: Reader, _ fetching: inout Fetching) -> [FetchPlan.Action] {
        let now = ContinuousClock.now
        let connections = fetching.climb.connections
        let wish = wish.narrowed(to: windowLimit(connections: connections))
        let ranges = ranges(of: wish, connections: connections)
        let missing = ranges.flatMap { file.missing(in: $0) }
        guard let first = ranges.first, let last = ranges.last, !missing.isEmpty, !fetching.isChanged,
            fetching.failure(in: missing, now: now) == nil
        else {
            fetching.plan.forget(reader: reader.number)
            return []
        }
        let target = first.lowerBound..<last.upperBound
        let ahead =
            switch wish.course {
            case .forward: ReadAhead(missing, of: target, piece: wish.window, least: wish.window)
            case .backward:
                ReadAhead(
                    missing, of: target, piece: min(wish.window, Self.backwardPiece),
                    least: min(wish.window, Self.backwardPiece), isBackward: true)
            case .stride: ReadAhead(missing, of: target, piece: settings.readAhead, least: 1)
            }
        return fetching.plan.readAhead(ahead, for: reader.number)
    }

    /// What should be held or under way, in order: one window for each connection, and one more, so that the next
    /// request is made before the last one ends.
    private func ranges(of wish: ReadPattern.Wish, connections: Int) -> [Range<Int64>] {
        let (position, length) = (wish.position, wish.window * Int64(connections + 1))
        let whole = 0..<size
        switch wish.course {
        case .forward: return [(position..<position + length).clamped(to: whole)].filter { !$0.isEmpty }
        case .backward: return [(position - length..<position).clamped(to: whole)].filter { !$0.isEmpty }
        case .stride(let distance, let length):
            let starts = (1...max(1, wish.window / length)).map { position + $0 * distance }.sorted()
            let reads = starts.map { ($0..<$0 + length).clamped(to: whole) }.filter { !$0.isEmpty }
            guard abs(distance) - length <= Self.bridged, let first = reads.first, let last = reads.last else {
                return reads
            }
            return [first.lowerBound..<last.upperBound]
        }
    }

    /// Looks at how fast the downloads are, a few times in a tenth of a second while reads wait.
    func look(at now: ContinuousClock.Instant, _ fetching: inout Fetching) -> Effects {
        let rates = fetching.measure(at: now)
        let before = fetching.climb.connections
        let downloads = fetching.plan.downloads
        fetching.climb.look(
            at: now, isWaiting: fetching.plan.hasReads, inUse: downloads.count,
            isFlowing: downloads.values.allSatisfy { $0.next > $0.requested.lowerBound })
        var actions: [FetchPlan.Action] = []
        if fetching.climb.connections != before {
            fetching.plan.parallel = fetching.climb.connections
            for (reader, wish) in fetching.wishes { actions += follow(wish, of: reader, &fetching) }
        }
        if !rates.isEmpty { actions += fetching.plan.measured(rates) }
        // Where there are more files than connections, its turn comes with time: it asks again.
        if fetching.told.wanted > fetching.told.inUse { fetching.told = ConnectionBudget.Demand() }
        return carryOut(actions, &fetching)
    }
}

extension Fetching {
    /// A stream reads no more.
    mutating func forget(_ stream: Int) {
        for reader in wishes.keys where reader.stream == stream {
            wishes[reader] = nil
            plan.forget(reader: reader.number)
        }
    }
}
