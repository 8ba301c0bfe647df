// SPDX-License-Identifier: Apache-2.0

/// What is worth fetching before one reader asks for it.
struct ReadAhead: Hashable, Sendable {
    /// In order; shrinks as bytes arrive.
    private(set) var missing: [Range<Int64>]
    /// Everything the reader is expected to want before it is looked at again.
    let target: Range<Int64>
    /// The most that one request brings.
    let piece: Int64
    /// Less is left for later, so that requests stay large, unless nothing can follow it.
    let least: Int64
    /// What is highest is wanted first.
    let isBackward: Bool

    init(_ missing: [Range<Int64>], of target: Range<Int64>, piece: Int64, least: Int64, isBackward: Bool = false) {
        self.missing = missing
        self.target = target
        self.piece = piece
        self.least = least
        self.isBackward = isBackward
    }

    mutating func arrived(_ range: Range<Int64>) {
        guard missing.contains(where: { $0.overlaps(range) }) else { return }
        missing = missing.flatMap { $0.subtracting(range) }
    }

    /// The range to ask for next.
    ///
    /// - Parameter uncovered: The parts of a range that no download is to bring, in order.
    func next(among uncovered: (Range<Int64>) -> [Range<Int64>], size: Int64) -> Range<Int64>? {
        for range in isBackward ? missing.reversed() : missing {
            let parts = uncovered(range)
            for part in isBackward ? parts.reversed() : parts {
                let isOpen =
                    isBackward
                    ? part.lowerBound == target.lowerBound && part.lowerBound > 0
                    : part.upperBound == target.upperBound && part.upperBound < size
                if isOpen, part.upperBound - part.lowerBound < least { continue }
                return isBackward
                    ? max(part.lowerBound, part.upperBound - piece)..<part.upperBound
                    : part.lowerBound..<min(part.upperBound, part.lowerBound + piece)
            }
        }
        return nil
    }
}
