// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// The form of `X-Sdk-Date`.
package enum SigningDate {
    /// `YYYYMMDD'T'HHMMSS'Z'`, UTC, whole seconds.
    package static func text(_ date: Date) -> String {
        let moment = CivilTime(date)
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return digits(moment.year, 4) + digits(moment.month, 2) + digits(moment.day, 2) + "T"
            + digits(moment.hour, 2) + digits(moment.minute, 2) + digits(moment.second, 2) + "Z"
    }
}
