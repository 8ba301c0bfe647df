// SPDX-License-Identifier: Apache-2.0

/// What the plan does about what is needed.
extension FetchPlan {
    /// Starts what is needed and no download brings: for waiting reads first, then ahead of readers.
    mutating func schedule() -> [Action] {
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

    mutating func start(_ range: Range<Int64>) -> Action {
        let id = nextDownload
        nextDownload += 1
        downloads[id] = Download(range)
        return .start(download: id, range: range)
    }

    mutating func stop(_ id: Int) -> Action {
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

    func isAwaited(_ range: Range<Int64>) -> Bool { reads.values.contains { $0.needs(anyOf: range) } }

    /// The parts of `piece` that no download is to bring, in order.
    private func uncovered(_ piece: Range<Int64>) -> [Range<Int64>] {
        if isStream { return downloads.isEmpty ? [piece] : [] }
        var parts = [piece]
        for download in downloads.values where download.told < download.end {
            parts = parts.flatMap { $0.subtracting(download.told..<download.end) }
        }
        return parts
    }
}
