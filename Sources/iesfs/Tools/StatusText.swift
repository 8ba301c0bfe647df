// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESMount
import SystemPackage

/// What a mount says of itself in `/.iesfs/status`: lines of a name, a colon and a value.
struct StatusText {
    let text: String

    init(_ text: String) { self.text = text }

    init(of mountpoint: FilePath) throws(MountError) {
        do {
            text = try SmallText.read(mountpoint.appending(".iesfs").appending("status"))
        } catch Errno.ioError {
            throw MountError(
                .failed,
                """
                The mount at \(mountpoint) answers nothing at the moment: its workers die again and again, and the next \
                one is started after a pause. Its log says more; 'iesfs upgrade' starts the program installed now.
                """)
        } catch {
            throw MountError(
                .failed,
                "The mount at \(mountpoint) does not answer: its daemon has gone. Mount it again, or unmount it.")
        }
    }

    private var values: [(name: Substring, value: Substring)] {
        text.split(separator: "\n").compactMap { line in
            line.firstRange(of: ": ").map { (line[..<$0.lowerBound], line[$0.upperBound...]) }
        }
    }

    subscript(_ name: String) -> String? { values.first { $0.name == name }.map { String($0.value) } }

    /// A JSON object with a member for each line: `cache used: 4096 bytes` becomes `"cache_used_bytes":4096`, times in
    /// seconds alike, other numbers are numbers, and everything else is text.
    var json: [UInt8] {
        var members: [String: Value] = [:]
        for (name, text) in values {
            let (unit, value) = Self.value(String(text))
            members[name.map { $0 == " " ? "_" : String($0) }.joined() + unit] = value
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
