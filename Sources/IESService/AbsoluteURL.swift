// SPDX-License-Identifier: Apache-2.0

/// An http or https URL, split into what a request needs. A fragment is dropped; user info is not accepted.
struct AbsoluteURL: Hashable {
    let origin: Endpoint
    /// Path and query, beginning with a slash, in characters that may be sent.
    let target: String

    /// Nil for another scheme, user info, a bad host or port, and control characters.
    static func parse(_ text: String) -> AbsoluteURL? {
        guard let text = sendable(text), let colon = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<colon.lowerBound].lowercased()
        guard scheme == "https" || scheme == "http" else { return nil }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        guard let origin = origin(scheme: scheme, authority: rest[..<end]) else { return nil }
        let tail = String(rest[end...].prefix { $0 != "#" })
        return AbsoluteURL(origin: origin, target: tail.hasPrefix("/") ? tail : "/" + tail)
    }

    /// Resolves `reference`, the value of a `Location` field, against this URL (RFC 3986 section 5.2).
    func resolve(_ reference: String) -> AbsoluteURL? {
        guard let whole = Self.sendable(reference) else { return nil }
        if hasScheme(whole) { return AbsoluteURL.parse(whole)?.normalized }
        if whole.hasPrefix("//") { return AbsoluteURL.parse("\(origin.scheme):\(whole)")?.normalized }
        let reference = String(whole.prefix { $0 != "#" })
        let path = String(target.prefix { $0 != "?" })
        let resolved: String =
            switch reference.first {
            case "/": reference
            case "?": path + reference
            case nil: target
            default: String(path[...(path.lastIndex(of: "/") ?? path.startIndex)]) + reference
            }
        return AbsoluteURL(origin: origin, target: resolved).normalized
    }

    /// Without `.` and `..` in its path, so that what is signed is what a server sees.
    private var normalized: AbsoluteURL {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let pieces = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            switch piece {
            case ".": if isLast { kept.append("") }
            case "..":
                if !kept.isEmpty { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(piece)
            }
        }
        return AbsoluteURL(origin: origin, target: "/" + kept.joined(separator: "/") + target[path.endIndex...])
    }

    /// The pairs of the query, decoded once, as a signature wants them.
    var query: [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return target[target.index(after: mark)...].split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (PercentEncoding.decode(halves[0]), halves.count > 1 ? PercentEncoding.decode(halves[1]) : "")
        }
    }

    private func hasScheme(_ reference: String) -> Bool {
        guard let colon = reference.firstIndex(of: ":"), let first = reference.utf8.first,
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20)
        else { return false }
        return reference[..<colon].utf8.allSatisfy { byte in
            PercentEncoding.isUnreserved(byte) && byte != UInt8(ascii: "_") && byte != UInt8(ascii: "~")
                || byte == UInt8(ascii: "+")
        }
    }

    private static func origin(scheme: String, authority: Substring) -> Endpoint? {
        guard !authority.contains("@") else { return nil }
        let closing = authority.lastIndex(of: "]") ?? authority.startIndex
        guard let colon = authority[closing...].lastIndex(of: ":") else {
            return Host.normal(authority).map { Endpoint(scheme: scheme, host: $0, port: nil) }
        }
        let port = authority[authority.index(after: colon)...]
        guard let number = DecimalDigits.value(port), (1...65535).contains(number),
            let host = Host.normal(authority[..<colon])
        else { return nil }
        return Endpoint(scheme: scheme, host: host, port: UInt16(number))
    }

    /// The text with everything escaped that no request line may hold: spaces, quotes, what is outside ASCII. Nil
    /// when it has control characters.
    private static func sendable(_ text: String) -> String? {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        let escaped = Array(" \"<>\\".utf8)
        return PercentEncoding.encode(text) { $0 < 0x80 && !escaped.contains($0) }
    }
}
