// SPDX-License-Identifier: Apache-2.0

/// The value of a `Content-Range` field in bytes (RFC 9110 section 14.4).
package enum ContentRange: Hashable, Sendable {
    /// `bytes 0-499/1234`; total nil for `*`.
    case part(Range<Int64>, total: Int64?)
    /// `bytes */1234`.
    case unsatisfied(total: Int64)

    /// Nil for another unit, numbers beyond Int64, a last byte before the first or at or past the total.
    package static func parse(_ text: some StringProtocol) -> ContentRange? {
        let words = text.split { $0 == " " || $0 == "\t" }
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let sides = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        let total = DecimalDigits.value(sides[1])
        guard total != nil || sides[1] == "*" else { return nil }
        if sides[0] == "*" { return total.map(ContentRange.unsatisfied) }
        let ends = sides[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = DecimalDigits.value(ends[0]), let last = DecimalDigits.value(ends[1]),
            first <= last, last < total ?? .max
        else { return nil }
        return .part(first..<last + 1, total: total)
    }
}
