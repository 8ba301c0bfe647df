// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The text of `/.iesfs/status`, for programs.
enum StatusText {
    /// A JSON object with a member for each line: `cache used: 4096 bytes` becomes `"cache_used_bytes":4096`, times in
    /// seconds alike, other numbers are numbers, and everything else is text.
    static func json(_ text: String) -> [UInt8] {
        var members: [String: Value] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else { continue }
            let name = line[..<colon.lowerBound].map { $0 == " " ? "_" : String($0) }.joined()
            let (unit, value) = value(String(line[colon.upperBound...]))
            members[name + unit] = value
        }
        return ToolLine.encode(members)
    }

    private static func value(_ text: String) -> (unit: String, Value) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard let number = words.first.flatMap({ Int64($0) }) else { return ("", .text(text)) }
        switch words.dropFirst() {
        case []: return ("", .number(number))
        case ["bytes"]: return ("_bytes", .number(number))
        case ["s"]: return ("_seconds", .number(number))
        default: return ("", .text(text))
        }
    }

    private enum Value: Encodable {
        case number(Int64)
        case text(String)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            }
        }
    }
}
