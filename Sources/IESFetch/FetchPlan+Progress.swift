// SPDX-License-Identifier: Apache-2.0

/// Who is told of what has arrived.
extension FetchPlan {
    /// Tells reads, and what is to be read ahead, of the bytes that have arrived since the last time.
    mutating func settle() -> [Action] {
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

    mutating func refreshDue() {
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
