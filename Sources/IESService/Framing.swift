// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// What a response's fields say about its body's end (RFC 9112 section 6).
///
/// libcurl takes the last of several lengths, ignores one that overflows, and reads a body without any length up to
/// the end of the connection, which a cut connection looks like. So this is judged here, before any byte is believed.
package enum Framing: Hashable, Sendable {
    case length(Int64)
    case chunked
    /// Neither: the end cannot be told from a cut.
    case untilClose

    package struct Violation: Error, Hashable, Sendable {
        /// The end of a sentence that begins with "the response".
        package let text: String
    }

    package static func judge(_ fields: HTTPFields) throws(Violation) -> Framing {
        let lengths = fields[values: .contentLength]
        let codings = fields[values: .transferEncoding]
        if !codings.isEmpty {
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                throw Violation(text: "has a transfer coding other than chunked")
            }
            // "ought to be handled as an error", since two readers may see two different ends.
            guard lengths.isEmpty else { throw Violation(text: "is chunked and has a Content-Length") }
            return .chunked
        }
        guard lengths.count <= 1 else { throw Violation(text: "has more than one Content-Length") }
        guard let text = lengths.first else { return .untilClose }
        guard let length = DecimalDigits.value(text) else {
            throw Violation(text: "has a Content-Length that is not a number of bytes")
        }
        return .length(length)
    }

    /// Refuses a body that is not the bytes of the result themselves; identity is what was asked for.
    package static func checkCoding(_ fields: HTTPFields) throws(Violation) {
        for value in fields[values: .contentEncoding] {
            let codings = value.split(separator: ",").map { word in word.filter { $0 != " " && $0 != "\t" }.lowercased()
            }
            guard codings.allSatisfy({ $0.isEmpty || $0 == "identity" }) else {
                throw Violation(text: "is compressed, although that was not asked for")
            }
        }
    }
}
