// SPDX-License-Identifier: Apache-2.0

/// A set of byte offsets, kept as ranges in order, none empty and no two adjacent.
struct ByteRanges: Hashable, Sendable {
    private(set) var ranges: [Range<Int64>] = []
    /// How many offsets it holds.
    private(set) var count: Int64 = 0

    /// Allocates nothing.
    func contains(_ range: Range<Int64>) -> Bool {
        if range.isEmpty { return true }
        let index = firstIndex(endingAfter: range.lowerBound)
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
            && range.upperBound <= ranges[index].upperBound
    }

    mutating func insert(_ range: Range<Int64>) {
        if range.isEmpty { return }
        // A range that ends where this one begins merges with it too.
        let first = firstIndex(endingAfter: range.lowerBound - 1)
        var merged = range
        var end = first
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            merged = min(merged.lowerBound, ranges[end].lowerBound)..<max(merged.upperBound, ranges[end].upperBound)
            count -= ranges[end].upperBound - ranges[end].lowerBound
            end += 1
        }
        count += merged.upperBound - merged.lowerBound
        if end == first + 1 {
            ranges[first] = merged
        } else {
            ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
        }
    }

    mutating func remove(_ range: Range<Int64>) {
        if range.isEmpty { return }
        let first = firstIndex(endingAfter: range.lowerBound)
        var left: [Range<Int64>] = []
        var end = first
        while end < ranges.count, ranges[end].lowerBound < range.upperBound {
            let old = ranges[end]
            count -= old.upperBound - old.lowerBound
            if old.lowerBound < range.lowerBound { left.append(old.lowerBound..<range.lowerBound) }
            if old.upperBound > range.upperBound { left.append(range.upperBound..<old.upperBound) }
            end += 1
        }
        for part in left { count += part.upperBound - part.lowerBound }
        ranges.replaceSubrange(first..<end, with: left)
    }

    /// The parts of `range` that are not in the set, in order.
    func gaps(in range: Range<Int64>) -> [Range<Int64>] {
        var gaps: [Range<Int64>] = []
        var position = range.lowerBound
        var index = firstIndex(endingAfter: position)
        while position < range.upperBound {
            guard index < ranges.count, ranges[index].lowerBound < range.upperBound else {
                gaps.append(position..<range.upperBound)
                break
            }
            if position < ranges[index].lowerBound { gaps.append(position..<ranges[index].lowerBound) }
            position = ranges[index].upperBound
            index += 1
        }
        return gaps
    }

    /// The parts of `range` that are in the set, in order.
    func parts(in range: Range<Int64>) -> [Range<Int64>] {
        var parts: [Range<Int64>] = []
        var index = firstIndex(endingAfter: range.lowerBound)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            parts.append(ranges[index].clamped(to: range))
            index += 1
        }
        return parts
    }

    private func firstIndex(endingAfter offset: Int64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
