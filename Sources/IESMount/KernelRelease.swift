// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The version of a Linux kernel, and what follows from it.
package struct KernelRelease: Hashable, Sendable, Comparable {
    private let numbers: [Int]

    /// Reads `6.18.44-…`; missing numbers count as 0.
    package init(_ text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var numbers = digits.split(separator: ".").prefix(3).map { Int($0) ?? 0 }
        while numbers.count < 3 { numbers.append(0) }
        self.numbers = numbers
    }

    package static func < (left: KernelRelease, right: KernelRelease) -> Bool {
        left.numbers.lexicographicallyPrecedes(right.numbers)
    }

    /// Of the running kernel, as it calls itself.
    package static var currentText: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &name.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// FUSE_NOTIFY_RESEND is part of it.
    package var canResend: Bool { self >= KernelRelease("6.9") }

    /// FUSE passthrough is part of it, if it was configured.
    package var mayPassThrough: Bool { self >= KernelRelease("6.9") }

    /// CVE-2026-64265, a use after free when unanswered requests are sent again: mended in 6.12.96, 6.18.39 and 7.1.4, and
    /// in no version of the lines between.
    package var hasResendFlaw: Bool {
        guard canResend else { return false }
        switch (numbers[0], numbers[1]) {
        case (6, 12): return self < KernelRelease("6.12.96")
        case (6, 18): return self < KernelRelease("6.18.39")
        default: return self < KernelRelease("7.1.4")
        }
    }
}
