// SPDX-License-Identifier: Apache-2.0

extension FetchPlan {
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
}
