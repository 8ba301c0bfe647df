// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
package enum RetryAfter {
    /// Longer than any deadline; keeps sums of durations from overflowing.
    package static let longest = Duration.seconds(365 * 86400)

    /// Nil for what is neither. A date in the past is zero.
    ///
    /// - Parameter serverDate: The `Date` of the same response, by whose clock a date is meant; nil: `now`.
    package static func parse(_ text: String, serverDate: Date?, now: Date) -> Duration? {
        if DecimalDigits.areAll(text) {
            guard let seconds = DecimalDigits.value(text) else { return longest }
            return min(.seconds(min(seconds, longest.components.seconds)), longest)
        }
        guard let date = HTTPDate.parse(text, now: now) else { return nil }
        let seconds = date.timeIntervalSince(serverDate ?? now)
        return min(max(.seconds(seconds), .zero), longest)
    }
}
