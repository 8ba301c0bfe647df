// SPDX-License-Identifier: Apache-2.0

/// The file name of a `Content-Disposition` field (RFC 6266), extended notation (RFC 8187) included.
package enum ContentDisposition {
    /// Longer values are not a file name.
    private static let longest = 8192

    /// The name as it is meant, whatever it holds; nil without one. `filename*` goes before `filename`.
    ///
    /// Bytes outside ASCII in a plain `filename` are taken for UTF-8, else for ISO 8859-1.
    package static func filename(in value: [UInt8]) -> String? {
        guard value.count <= longest else { return nil }
        let parameters = DispositionParameters.read(value)
        let extended = parameters.first { $0.name == "filename*" }.flatMap { decodeExtended($0.value) }
        let plain = parameters.first { $0.name == "filename" }.map { decodePlain($0.value) }
        return [extended, plain].compactMap(\.self).first { !$0.isEmpty }
    }

    /// `UTF-8'en'%e2%82%ac%20rates`
    private static func decodeExtended(_ value: [UInt8]) -> String? {
        let parts = value.split(separator: UInt8(ascii: "'"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let bytes = PercentEncoding.decodedBytes(Array(parts[2]))
        switch String(decoding: parts[0], as: UTF8.self).lowercased() {
        case "utf-8": return String(validating: bytes, as: UTF8.self)
        case "iso-8859-1": return latin1(bytes)
        default: return nil
        }
    }

    private static func decodePlain(_ value: [UInt8]) -> String {
        String(validating: value, as: UTF8.self) ?? latin1(value)
    }

    private static func latin1(_ bytes: [UInt8]) -> String {
        String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

/// Splits a field value into its type, which is dropped, and its parameters.
private struct DispositionParameters {
    struct Parameter {
        /// Lower case.
        let name: String
        let value: [UInt8]
    }

    private let bytes: [UInt8]
    private var index = 0

    static func read(_ bytes: [UInt8]) -> [Parameter] {
        var reader = DispositionParameters(bytes: bytes)
        return reader.read()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func read() -> [Parameter] {
        var parameters: [Parameter] = []
        while index < bytes.count {
            let name = take { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            if index < bytes.count, bytes[index] == UInt8(ascii: "=") {
                index += 1
                let text = String(decoding: trimmed(name), as: UTF8.self).lowercased()
                parameters.append(Parameter(name: text, value: readValue()))
            }
            _ = take { $0 != UInt8(ascii: ";") }
            index += 1
        }
        return parameters
    }

    private mutating func readValue() -> [UInt8] {
        _ = take(while: isBlank)
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
            return trimmed(take { $0 != UInt8(ascii: ";") })
        }
        index += 1
        var value: [UInt8] = []
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count { index += 1 }
            value.append(bytes[index])
            index += 1
        }
        return value
    }

    private mutating func take(while isTaken: (UInt8) -> Bool) -> [UInt8] {
        let start = index
        while index < bytes.count, isTaken(bytes[index]) { index += 1 }
        return Array(bytes[start..<index])
    }

    private func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
