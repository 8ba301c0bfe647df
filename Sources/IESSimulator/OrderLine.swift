// SPDX-License-Identifier: Apache-2.0

import IESService

/// Why an order in text form was not understood, as a sentence.
package struct OrderError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// One line of `key=value` words. A value or part of it may be in double quotes, with white space, `\"`,
/// `\\` and `\n` inside.
struct OrderLine {
    private var words: [(key: String, value: String)] = []

    init(_ text: String) throws(OrderError) {
        var rest = Substring(text).drop { $0.isWhitespace }
        while !rest.isEmpty {
            let key = rest.prefix { $0 != "=" && !$0.isWhitespace }
            rest = rest.dropFirst(key.count)
            guard rest.first == "=", !key.isEmpty else {
                throw OrderError("\"\(key)\" is not of the form key=value")
            }
            words.append((String(key), try Self.value(&rest)))
            rest = rest.drop { $0.isWhitespace }
        }
    }

    /// The lines of a text, without comments (`#`) and empty ones.
    static func lines(of text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { String($0.drop { $0.isWhitespace }) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }

    var isEmpty: Bool { words.isEmpty }

    /// Takes the value of `key` out of the line; nil where it has none.
    mutating func take(_ key: String) -> String? {
        guard let index = words.firstIndex(where: { $0.key == key }) else { return nil }
        return words.remove(at: index).value
    }

    mutating func integer<Number: FixedWidthInteger>(_ key: String, as: Number.Type) throws(OrderError) -> Number? {
        guard let text = take(key) else { return nil }
        guard let number = OrderText.size(text).flatMap({ Number(exactly: $0) }) else {
            throw OrderError("\(key)=\(text) is not a whole number")
        }
        return number
    }

    mutating func boolean(_ key: String) throws(OrderError) -> Bool? {
        switch take(key) {
        case nil: nil
        case "yes", "true", "on", "1": true
        case "no", "false", "off", "0": false
        case let text?: throw OrderError("\(key)=\(text) is neither yes nor no")
        }
    }

    mutating func duration(_ key: String) throws(OrderError) -> Duration? {
        guard let text = take(key) else { return nil }
        guard let duration = OrderText.duration(text) else {
            throw OrderError("\(key)=\(text) is not a time such as 200ms, 3s or 5m")
        }
        return duration
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, of: Value.Type
    ) throws(OrderError) -> Value? where Value.RawValue == String {
        guard let text = take(key) else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw OrderError("\(key)=\(text) is none of \(known)")
        }
        return value
    }

    /// A task id; nil where it is absent or `*`.
    mutating func task(_ key: String = "id") throws(OrderError) -> TaskID? {
        guard let text = take(key), text != "*" else { return nil }
        guard let task = TaskID(rawValue: text) else { throw OrderError("\"\(text)\" is not a task id") }
        return task
    }

    /// Whatever was not taken is not known.
    func finish() throws(OrderError) {
        if let word = words.first { throw OrderError("\"\(word.key)\" is not known here") }
    }

    /// What follows `=`, up to white space outside of quotes.
    private static func value(_ rest: inout Substring) throws(OrderError) -> String {
        rest = rest.dropFirst()
        var value = ""
        var isQuoted = false
        while let character = rest.first, isQuoted || !character.isWhitespace {
            rest = rest.dropFirst()
            switch character {
            case "\"": isQuoted.toggle()
            case "\\" where isQuoted:
                if let next = rest.popFirst() { value.append(next == "n" ? "\n" : next) }
            default: value.append(character)
            }
        }
        if isQuoted { throw OrderError("a quotation mark is missing") }
        return value
    }
}

/// Numbers, sizes and times as people write them.
enum OrderText {
    /// A whole number, with K, M, G or T for powers of 1024.
    static func size(_ text: some StringProtocol) -> Int64? {
        let shift: Int64? =
            switch text.last {
            case "K": 10
            case "M": 20
            case "G": 30
            case "T": 40
            default: nil
            }
        guard let number = Int64(shift == nil ? text.dropLast(0) : text.dropLast()) else { return nil }
        let (size, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
        return overflow ? nil : size
    }

    /// `200ms`, `3s`, `5m`, `1h`, or seconds without a unit; negative ones too.
    static func duration(_ text: some StringProtocol) -> Duration? {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]
        for (suffix, seconds) in units where text.hasSuffix(suffix) {
            guard let number = Double(text.dropLast(suffix.count)), abs(number) < 1e9 else { return nil }
            return .seconds(number * seconds)
        }
        return nil
    }
}
