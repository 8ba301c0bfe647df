// SPDX-License-Identifier: Apache-2.0

/// A request as it came: nothing decoded.
package struct SimulatedRequest: Sendable {
    package var method: String
    /// Path and query, byte for byte.
    package var target: String
    package var fields: [HeaderField]
    package var body: [UInt8]

    package init(method: String, target: String, fields: [HeaderField], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }

    /// What precedes `?`.
    var path: Substring { target.prefix { $0 != "?" } }

    /// The pieces of the path, percent-decoded after splitting, the leading empty one left out.
    var pieces: [String] {
        path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
            .map { String(decoding: PercentCoding.decode(Array($0)), as: UTF8.self) }
    }

    /// Names and values of the query in their order, percent-decoded.
    var query: [(name: [UInt8], value: [UInt8])] {
        let bytes = Array(target.utf8)
        guard let question = bytes.firstIndex(of: UInt8(ascii: "?")) else { return [] }
        return bytes[(question + 1)...].split(separator: UInt8(ascii: "&")).map { pair in
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            return (PercentCoding.decode(Array(name)), PercentCoding.decode(Array(pair.dropFirst(name.count + 1))))
        }
    }

    /// The first value of that name in the query.
    func parameter(_ name: String) -> String? {
        query.first { $0.name == Array(name.utf8) }.map { String(decoding: $0.value, as: UTF8.self) }
    }
}

/// Percent-encoding of RFC 3986, `+` being a plus.
enum PercentCoding {
    /// A `%` without two digits stays as it is.
    static func decode(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = digit(bytes[index + 1]),
                let low = digit(bytes[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }

    /// Keeps `A–Z a–z 0–9 - . _ ~`, writes every other byte as `%` and two upper-case digits.
    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.append(byte)
            default:
                output.append(UInt8(ascii: "%"))
                output += Hex.text([byte]).uppercased().utf8
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
