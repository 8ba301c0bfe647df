// SPDX-License-Identifier: Apache-2.0

/// Finds the known word that a mistyped one most resembles.
enum EditDistance {
    /// How many insertions, deletions, substitutions and swaps of neighbours turn `first` into
    /// `second` (optimal string alignment), regardless of case.
    static func between(_ first: String, _ second: String) -> Int {
        let first = Array(first.lowercased().utf8)
        let second = Array(second.lowercased().utf8)
        var beforePrevious = [Int]()
        var previous = Array(0...second.count)
        for row in first.indices {
            var current = [row + 1]
            for column in second.indices {
                let substitution = previous[column] + (first[row] == second[column] ? 0 : 1)
                var best = min(substitution, previous[column + 1] + 1, current[column] + 1)
                let isSwap =
                    row > 0 && column > 0 && first[row] == second[column - 1] && first[row - 1] == second[column]
                if isSwap { best = min(best, beforePrevious[column - 1] + 1) }
                current.append(best)
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[second.count]
    }

    /// The candidate nearest to `word`, the first of several equally near; nil without candidates.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        candidates.map { (name: $0, distance: between(word, $0)) }.min { $0.distance < $1.distance }?.name
    }
}
