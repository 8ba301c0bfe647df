// SPDX-License-Identifier: Apache-2.0

/// A profile file (`~/.huaweicloud/credentials`), read by the rules of the service's own tools.
///
/// INI: section names are case-sensitive, key names are not; `=` or `:` separates, whichever comes first, and a value
/// keeps later ones; a comment is a whole line that begins with `#` or `;`; quotes are part of the value; `[DEFAULT]`
/// supplies what a section lacks. Indented lines are ordinary lines, and `%` means itself.
package struct ProfileFile: Hashable, Sendable {
    /// What is wrong with the file, as the end of a sentence; never holds a value.
    package struct Failure: Error, Hashable, Sendable {
        package let text: String
    }

    private static let defaults = "DEFAULT"

    private var sections: [String: [String: Secret]] = [:]

    package init(_ text: String) throws(Failure) {
        var section: String?
        let lines = text.drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = Self.trimmed(line)
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first == "[" {
                section = try addSection(line, number: index + 1)
            } else {
                try add(line, to: section, number: index + 1)
            }
        }
    }

    /// The names of the sections but `[DEFAULT]`, sorted.
    package var profiles: [String] { sections.keys.filter { $0 != Self.defaults }.sorted() }

    /// Nil without the section or the key, and for an empty value.
    package func value(_ key: String, in profile: String) -> Secret? {
        guard let section = sections[profile] else { return nil }
        let value = section[key] ?? sections[Self.defaults]?[key]
        return value == Secret("") ? nil : value
    }

    private mutating func addSection(_ line: Substring, number: Int) throws(Failure) -> String {
        guard let end = line.firstIndex(of: "]"), line.index(after: line.startIndex) < end else {
            throw Failure(text: "line \(number) begins with [ but names no section")
        }
        let name = String(line[line.index(after: line.startIndex)..<end])
        guard sections[name] == nil else {
            throw Failure(text: "line \(number) begins section [\(name)] a second time")
        }
        sections[name] = [:]
        return name
    }

    private mutating func add(_ line: Substring, to section: String?, number: Int) throws(Failure) {
        guard let section else { throw Failure(text: "line \(number) comes before any [section]") }
        guard let separator = line.firstIndex(where: { $0 == "=" || $0 == ":" }), separator > line.startIndex else {
            throw Failure(text: "line \(number) is neither a section nor a key with a value")
        }
        let key = Self.trimmed(line[..<separator]).lowercased()
        let value = Self.trimmed(line[line.index(after: separator)...])
        guard sections[section]?.updateValue(Secret(String(value)), forKey: key) == nil else {
            throw Failure(text: "line \(number) gives a key of section [\(section)] a second time")
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return text[first...last]
    }
}
