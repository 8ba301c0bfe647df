// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService

/// What a value should have looked like, as the end of a sentence: "a size such as 64M or 10G".
struct InvalidValue: Error, Hashable, Sendable {
    let expectation: String
}

/// The forms that values of options take.
enum OptionValue {
    /// Bytes: a whole number with K, M, G or T (powers of 1,024) or without.
    static func size(_ text: String) throws(InvalidValue) -> Int64 {
        let invalid = InvalidValue(expectation: "a size such as 64M or 10G")
        guard let (number, unit) = numberAndUnit(text) else { throw invalid }
        let shift: Int64
        switch unit.uppercased() {
        case "", "B": shift = 0
        case "K", "KB", "KIB": shift = 10
        case "M", "MB", "MIB": shift = 20
        case "G", "GB", "GIB": shift = 30
        case "T", "TB", "TIB": shift = 40
        default: throw invalid
        }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflows else { throw InvalidValue(expectation: "a size below 8388608T") }
        return bytes
    }

    /// A size, or a whole number of per cent.
    static func freeSpace(_ text: String) throws(InvalidValue) -> FreeSpace {
        let invalid = InvalidValue(expectation: "a part of the disk such as 5%, or a size such as 10G")
        if text.hasSuffix("%") {
            guard let percent = Int(text.dropLast()), (0...100).contains(percent) else { throw invalid }
            return .part(Double(percent) / 100)
        }
        do throws(InvalidValue) {
            return .bytes(try size(text))
        } catch {
            throw invalid
        }
    }

    /// A whole number of seconds, or one with `ms`, `s`, `m`, `h` or `d`.
    static func duration(_ text: String) throws(InvalidValue) -> Duration {
        let invalid = InvalidValue(expectation: "a time such as 30s, 5m or 1h")
        guard let (number, unit) = numberAndUnit(text), number <= 1_000_000_000 else { throw invalid }
        switch unit {
        case "ms": return .milliseconds(number)
        case "", "s": return .seconds(number)
        case "m": return .seconds(number * 60)
        case "h": return .seconds(number * 3_600)
        case "d": return .seconds(number * 86_400)
        default: throw invalid
        }
    }

    static func flag(_ text: String) throws(InvalidValue) -> Bool {
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw InvalidValue(expectation: "yes or no")
        }
    }

    static func count(_ text: String, within range: ClosedRange<Int>) throws(InvalidValue) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw InvalidValue(expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The number of a user or group.
    static func owner(_ text: String) throws(InvalidValue) -> UInt32 {
        guard text.utf8.allSatisfy(isDigit), let number = UInt32(text), number != .max else {
            throw InvalidValue(expectation: "a numeric id, as the command id prints it")
        }
        return number
    }

    /// Permission bits, in octal.
    static func mask(_ text: String) throws(InvalidValue) -> UInt16 {
        guard text.utf8.allSatisfy(isDigit), let bits = UInt16(text, radix: 8), bits <= 0o777 else {
            throw InvalidValue(expectation: "an octal mask such as 022 or 077")
        }
        return bits
    }

    /// Project ids, each with `=` and a text, separated by colons; a text may have colons too.
    static func projects(_ text: String, of what: String) throws(InvalidValue) -> [ProjectID: String] {
        let invalid = InvalidValue(expectation: "project ids with \(what) each, as in ID=…, separated by colons")
        var values: [ProjectID: String] = [:]
        var last: ProjectID?
        for piece in text.split(separator: ":", omittingEmptySubsequences: false) {
            let halves = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if halves.count == 2 {
                guard let id = ProjectID(rawValue: String(halves[0])), !halves[1].isEmpty, values[id] == nil else {
                    throw invalid
                }
                values[id] = String(halves[1])
                last = id
            } else {
                guard let last else { throw invalid }
                values[last]?.append(":\(piece)")
            }
        }
        return values
    }

    static func absolutePath(_ text: String) throws(InvalidValue) -> String {
        guard text.hasPrefix("/"), !text.utf8.contains(0) else {
            throw InvalidValue(expectation: "a path that starts with /")
        }
        return text
    }

    private static func numberAndUnit(_ text: String) -> (Int64, String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        return (number, String(text.dropFirst(digits.count)))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
