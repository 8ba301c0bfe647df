// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Puts a response's head together from its lines, and skips the informational ones (1xx) before it.
///
/// libcurl splits the lines and skips a proxy's answers to CONNECT; what it lets pass is judged here.
struct HeadReader {
    /// All lines of all heads and trailers of one exchange, in bytes; libcurl itself takes more.
    static let limit = 128 << 10

    enum Version: Hashable { case http10, http11, http2 }

    struct Head: Hashable {
        var response: HTTPResponse
        var version: Version
    }

    struct Malformed: Error, Hashable { let reason: String }

    private var taken = 0
    /// The status line of the head that is being read.
    private var head: Head?
    /// Its fields so far.
    private var fields: [HTTPField] = []
    private var isComplete = false

    /// Takes one line with its line end.
    ///
    /// - Returns: The final head, once, when the line is the empty one that ends it.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(Malformed) -> Head? {
        taken += line.count
        guard taken <= Self.limit else { throw Malformed(reason: "the header is larger than \(Self.limit) bytes") }
        // Lines after the head are trailers, which nobody asked for.
        guard !isComplete else { return nil }
        let text = Self.withoutLineEnd(line)
        guard var head else {
            head = try Self.statusLine(text)
            return nil
        }
        guard text.isEmpty else {
            try takeField(text)
            return nil
        }
        if head.response.status.kind == .informational {
            // 101 would change the protocol, which was never offered.
            guard head.response.status.code != 101 else { throw Malformed(reason: "the protocol was switched unasked") }
            self.head = nil
            fields = []
            return nil
        }
        isComplete = true
        head.response.headerFields = HTTPFields(fields)
        return head
    }

    private mutating func takeField(_ line: UnsafeRawBufferPointer) throws(Malformed) {
        if Self.isBlank(line[0]) {
            // A folded line continues the value before it (RFC 9112 section 5.2).
            guard let last = fields.popLast() else { throw Malformed(reason: "the first header field continues none") }
            let value = last.withUnsafeBytesOfValue { Array($0) } + [UInt8(ascii: " ")] + Self.trimmed(line)
            fields.append(HTTPField(name: last.name, value: value))
            return
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
            let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self))
        else { throw Malformed(reason: "a header field has no valid name") }
        let value = Self.trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
        fields.append(HTTPField(name: name, value: value))
    }

    /// `HTTP/1.1 200 OK`, or `HTTP/2 200 ` as libcurl words it.
    private static func statusLine(_ line: UnsafeRawBufferPointer) throws(Malformed) -> Head {
        let malformed = Malformed(reason: "the response has no valid status line")
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2 else { throw malformed }
        let version: Version
        switch String(decoding: words[0], as: UTF8.self) {
        case "HTTP/1.0": version = .http10
        case "HTTP/1.1": version = .http11
        case "HTTP/2": version = .http2
        default: throw malformed
        }
        let digits = words[1]
        guard digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw malformed
        }
        let code = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard code >= 100 else { throw malformed }
        let reason = words.count > 2 ? String(decoding: words[2], as: UTF8.self) : ""
        return Head(response: HTTPResponse(status: .init(code: code, reasonPhrase: reason)), version: version)
    }

    private static func withoutLineEnd(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var end = line.count
        if end > 0, line[end - 1] == UInt8(ascii: "\n") { end -= 1 }
        if end > 0, line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: line[..<end])
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        guard let first = bytes.firstIndex(where: { !isBlank($0) }),
            let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return Array(bytes[first...last])
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
