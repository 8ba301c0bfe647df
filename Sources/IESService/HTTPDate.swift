// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// Reads the three forms of a date in HTTP (RFC 9110 section 5.6.7).
package enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Nil for anything else. The name of the day is not compared with the date.
    ///
    /// - Parameter now: Tells the century of a two-digit year: one that seems more than 50 years ahead is in the past.
    package static func parse(_ text: String, now: Date) -> Date? {
        let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
        return switch words.count {
        case 6 where words[5] == "GMT":
            // Sun, 06 Nov 1994 08:49:37 GMT
            moment(day: words[1], month: words[2], year: number(words[3], digits: 4), time: words[4])
        case 4 where words[3] == "GMT":
            // Sunday, 06-Nov-94 08:49:37 GMT
            obsolete(words[1], time: words[2], now: now)
        case 5:
            // Sun Nov  6 08:49:37 1994
            moment(day: words[2], month: words[1], year: number(words[4], digits: 4), time: words[3])
        default: nil
        }
    }

    private static func obsolete(_ date: String, time: String, now: Date) -> Date? {
        let parts = date.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let short = number(parts[2], digits: 2) else { return nil }
        let thisYear = CivilTime(now).year
        var year = thisYear - thisYear % 100 + short
        if year > thisYear + 50 { year -= 100 }
        return moment(day: parts[0], month: parts[1], year: year, time: time)
    }

    private static func moment(day: String, month: String, year: Int?, time: String) -> Date? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { number(String($0), digits: 2) }
        guard let day = number(day, digits: day.utf8.count == 1 ? 1 : 2), let year,
            let month = months.firstIndex(of: month), clock.count == 3,
            let hour = clock[0], let minute = clock[1], let second = clock[2]
        else { return nil }
        return CivilTime(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second).date
    }

    private static func number(_ text: String, digits: Int) -> Int? {
        guard text.utf8.count == digits else { return nil }
        return DecimalDigits.value(text).map(Int.init)
    }
}
