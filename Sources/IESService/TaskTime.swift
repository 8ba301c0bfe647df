// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// Reads the times of a task. Their form is not documented; the published example is milliseconds since 1970.
package enum TaskTime {
    /// 1973 in milliseconds, 5138 in seconds: smaller numbers are taken for seconds.
    private static let smallestMilliseconds: Int64 = 100_000_000_000
    /// The end of the year 9999.
    private static let largestSeconds: Int64 = 253_402_300_799

    /// Nil for anything that is not a moment after 1970 and before the year 10000.
    package static func date(_ text: String) -> Date? {
        if let number = Int64(text) {
            guard number > 0 else { return nil }
            if number < smallestMilliseconds { return Date(timeIntervalSince1970: Double(number)) }
            guard number / 1000 <= largestSeconds else { return nil }
            return Date(timeIntervalSince1970: Double(number) / 1000)
        }
        guard let date = iso8601(text), date.timeIntervalSince1970 > 0 else { return nil }
        return date
    }

    private static func iso8601(_ text: String) -> Date? {
        let style = Date.ISO8601FormatStyle()
        return (try? style.parse(text))
            ?? (try? style.year().month().day().time(includingFractionalSeconds: true).parse(text))
    }
}
