// SPDX-License-Identifier: Apache-2.0

/// Numbers as HTTP writes them: one or more ASCII digits and nothing else, no sign and no spaces.
enum DecimalDigits {
    static func areAll(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Nil for anything else, and for what is greater than `Int64.max`.
    static func value(_ text: some StringProtocol) -> Int64? {
        areAll(text) ? Int64(text) : nil
    }
}
