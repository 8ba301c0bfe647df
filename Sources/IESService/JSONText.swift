// SPDX-License-Identifier: Apache-2.0

/// A JSON value as it was written: numbers keep their digits, and what is broken is read as far as it goes.
///
/// The service's documents disagree with its documentation about types, and an error document can be cut short or
/// hold bytes that are not UTF-8, so nothing here fails: it says how much it understood.
enum JSONText: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONText])
    /// In the order of the document, repeated names included.
    case object([Member])

    struct Member: Hashable, Sendable {
        let name: String
        let value: JSONText
    }

    struct Reading {
        /// Nil when there is not even the beginning of a value.
        let value: JSONText?
        /// The bytes are one complete JSON value and nothing else.
        let isWhole: Bool
    }

    static func read(_ bytes: [UInt8]) -> Reading {
        var parser = JSONParser(bytes)
        return parser.read()
    }

    /// The value of the member of that name; of several the last, as most readers take it.
    subscript(_ name: String) -> JSONText? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// The text of a string, number or boolean; nil for anything else.
    var scalar: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .boolean(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }
}

/// Reads one document, with bounds on depth and number of values: the bytes are the service's.
private struct JSONParser {
    private static let greatestDepth = 64
    private static let mostValues = 1_000_000

    private let bytes: [UInt8]
    private var index = 0
    private var values = 0
    /// Set at the first byte that does not belong; nothing is read after it.
    private var isBroken = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    mutating func read() -> JSONText.Reading {
        let value = readValue(depth: 0)
        skipWhiteSpace()
        return JSONText.Reading(value: value, isWhole: value != nil && !isBroken && index == bytes.count)
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipWhiteSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    /// Takes `byte` if it is next.
    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    private mutating func broken<Value>(_ value: Value) -> Value {
        isBroken = true
        return value
    }

    private mutating func readValue(depth: Int) -> JSONText? {
        skipWhiteSpace()
        values += 1
        guard let byte = current, depth <= Self.greatestDepth, values <= Self.mostValues else { return broken(nil) }
        switch byte {
        case UInt8(ascii: "{"): return readObject(depth: depth)
        case UInt8(ascii: "["): return readArray(depth: depth)
        case UInt8(ascii: "\""): return .string(readString())
        case UInt8(ascii: "t"): return readWord("true", .boolean(true))
        case UInt8(ascii: "f"): return readWord("false", .boolean(false))
        case UInt8(ascii: "n"): return readWord("null", .null)
        default: return readNumber()
        }
    }

    private mutating func readWord(_ word: StaticString, _ value: JSONText) -> JSONText? {
        let text = Array(word.description.utf8)
        guard bytes[index...].starts(with: text) else { return broken(nil) }
        index += text.count
        return value
    }

    private mutating func readNumber() -> JSONText? {
        let start = index
        while let byte = current, isPartOfNumber(byte) { index += 1 }
        guard index > start else { return broken(nil) }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        return .number(text)
    }

    private func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func readArray(depth: Int) -> JSONText {
        index += 1
        var elements: [JSONText] = []
        skipWhiteSpace()
        if take("]") { return .array(elements) }
        while !isBroken {
            if let element = readValue(depth: depth + 1) { elements.append(element) }
            if isBroken { break }
            skipWhiteSpace()
            if take(",") { continue }
            if !take("]") { isBroken = true }
            break
        }
        return .array(elements)
    }

    private mutating func readObject(depth: Int) -> JSONText {
        index += 1
        var members: [JSONText.Member] = []
        skipWhiteSpace()
        if take("}") { return .object(members) }
        while !isBroken {
            skipWhiteSpace()
            guard current == UInt8(ascii: "\"") else { return broken(.object(members)) }
            let name = readString()
            skipWhiteSpace()
            guard !isBroken, take(":") else { return broken(.object(members)) }
            if let value = readValue(depth: depth + 1) { members.append(JSONText.Member(name: name, value: value)) }
            if isBroken { break }
            skipWhiteSpace()
            if take(",") { continue }
            if !take("}") { isBroken = true }
            break
        }
        return .object(members)
    }

    /// Reads a string, up to the end of the bytes when it is cut short. Bytes that are not UTF-8 and lone surrogates
    /// become U+FFFD; raw control characters are kept.
    private mutating func readString() -> String {
        index += 1
        var text: [UInt8] = []
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): readEscape(into: &text)
            default: text.append(byte)
            }
        }
        isBroken = true
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func readEscape(into text: inout [UInt8]) {
        guard let byte = current else { return }
        index += 1
        switch byte {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): readUnicodeEscape(into: &text)
        default: text.append(byte)
        }
    }

    private mutating func readUnicodeEscape(into text: inout [UInt8]) {
        let unit = readHex() ?? 0xFFFD
        var scalar = Unicode.Scalar(unit)
        if (0xD800..<0xDC00).contains(unit), bytes[index...].starts(with: [0x5C, 0x75]) {
            let start = index
            index += 2
            if let low = readHex(), (0xDC00..<0xE000).contains(low) {
                scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + UInt32(low) - 0xDC00)
            } else {
                index = start
            }
        }
        text.append(contentsOf: String(Character(scalar ?? "\u{FFFD}")).utf8)
    }

    private mutating func readHex() -> UInt16? {
        guard index + 4 <= bytes.count else {
            index = bytes.count
            return nil
        }
        var value: UInt16 = 0
        for byte in bytes[index..<index + 4] {
            guard let digit = Hexadecimal.value(of: byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        index += 4
        return value
    }
}
