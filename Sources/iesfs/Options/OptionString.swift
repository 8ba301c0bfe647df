// SPDX-License-Identifier: Apache-2.0

/// The text after `-o`: `name` or `name=value`, separated by commas.
///
/// As in libfuse, a backslash takes the next character literally, so `\,` is a comma inside a value.
enum OptionString {
    struct Item: Hashable, Sendable {
        let name: String
        /// Nil when there was no `=`.
        let value: String?
    }

    /// Splits `text`; empty items (as in `a,,b`) are left out.
    static func items(of text: String) -> [Item] {
        var pieces = [""]
        var isEscaped = false
        for character in text {
            if isEscaped {
                pieces[pieces.count - 1].append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        if isEscaped { pieces[pieces.count - 1].append("\\") }
        return pieces.filter { !$0.isEmpty }.map(item)
    }

    /// The inverse of `items`.
    static func text(of items: some Sequence<Item>) -> String {
        items.map { item in
            guard let value = item.value else { return escape(item.name) }
            return "\(escape(item.name))=\(escape(value))"
        }.joined(separator: ",")
    }

    private static func item(_ piece: String) -> Item {
        guard let equals = piece.firstIndex(of: "=") else { return Item(name: piece, value: nil) }
        return Item(name: String(piece[..<equals]), value: String(piece[piece.index(after: equals)...]))
    }

    private static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            if character == "," || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped
    }
}
