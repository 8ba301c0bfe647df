// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// Checks `SDK-HMAC-SHA256` signatures as a gateway would, from the published description alone
/// (facts/credentials.md section 2); shares no code with the client's signer.
package struct SignatureVerifier: Sendable {
    package struct Claim: Sendable, Hashable {
        package let accessKey: String
        package let signedHeaders: [String]
        package let signature: String

        /// Reads `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`; nil for anything else.
        package init?(_ authorization: String) {
            let scheme = "SDK-HMAC-SHA256 "
            guard authorization.hasPrefix(scheme) else { return nil }
            var parts: [String: String] = [:]
            for part in authorization.dropFirst(scheme.count).split(separator: ",") {
                let pair = part.drop { $0 == " " }
                guard let equals = pair.firstIndex(of: "=") else { return nil }
                parts[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
            guard parts.count == 3, let access = parts["Access"], let signed = parts["SignedHeaders"],
                let signature = parts["Signature"], !access.isEmpty
            else { return nil }
            accessKey = access
            signedHeaders = signed.split(separator: ";").map(String.init)
            self.signature = signature
        }
    }

    package enum Failure: Error, Sendable, Hashable {
        case noDate
        case outsideWindow
        /// A signed header is not in the request, or `X-Sdk-Date` is not signed.
        case headerMissing(String)
        /// The canonical request the verifier computed, lines joined by `|`, as the gateway tells it.
        case mismatch(canonicalRequest: String)
    }

    let secretKey: String
    let now: Date
    let window: Duration

    package init(secretKey: String, now: Date, window: Duration = .seconds(15 * 60)) {
        self.secretKey = secretKey
        self.now = now
        self.window = window
    }

    package func verify(_ claim: Claim, of request: SimulatedRequest) throws(Failure) {
        guard let stamp = request.fields.first("X-Sdk-Date"), let date = Times.parseCompact(stamp) else {
            throw .noDate
        }
        guard abs(date.timeIntervalSince(now)) <= window.seconds else { throw .outsideWindow }
        guard claim.signedHeaders.contains("x-sdk-date") else { throw .headerMissing("x-sdk-date") }
        var lines: [UInt8] = []
        let names = claim.signedHeaders.sorted()
        for name in names {
            guard let field = request.fields.first(where: { $0.name.lowercased() == name }) else {
                throw .headerMissing(name)
            }
            lines += Array("\(name):".utf8) + Self.trimmed(field.value) + [UInt8(ascii: "\n")]
        }
        let canonical =
            Array("\(request.method.uppercased())\n\(Self.path(request))\n\(Self.query(request))\n".utf8) + lines
            + Array("\n\(names.joined(separator: ";"))\n\(Self.payload(request))".utf8)
        let text = "SDK-HMAC-SHA256\n\(stamp)\n\(SHA256Digest.hex(canonical))"
        let expected = Hex.bytes(Authenticator.hmac(key: Array(secretKey.utf8), Array(text.utf8)))
        guard expected == Array(claim.signature.utf8) else {
            let told = String(decoding: canonical, as: UTF8.self)
                .split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("x-security-token:") ? "x-security-token:\(Redaction.mark)" : String($0) }
            throw .mismatch(canonicalRequest: told.joined(separator: "|"))
        }
    }

    /// Step 1: decoded once as a whole, split, encoded piece by piece, with a slash at the end.
    private static func path(_ request: SimulatedRequest) -> String {
        let decoded = PercentCoding.decode(Array(request.path.utf8))
        let text = decoded.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { PercentCoding.encode(Array($0)) }.joined(separator: "/")
        return text.hasSuffix("/") ? text : text + "/"
    }

    /// Step 2: sorted by the bytes of name, then value, then encoded.
    private static func query(_ request: SimulatedRequest) -> String {
        request.query
            .sorted {
                $0.name == $1.name
                    ? $0.value.lexicographicallyPrecedes($1.value)
                    : $0.name.lexicographicallyPrecedes($1.name)
            }
            .map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
            .joined(separator: "&")
    }

    /// Step 5.
    private static func payload(_ request: SimulatedRequest) -> String {
        if !request.body.isEmpty, let given = request.fields.first("X-Sdk-Content-Sha256") { return given }
        return SHA256Digest.hex(request.body)
    }

    private static func trimmed(_ value: [UInt8]) -> [UInt8] {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard let first = value.firstIndex(where: { !isSpace($0) }),
            let last = value.lastIndex(where: { !isSpace($0) })
        else { return [] }
        return Array(value[first...last])
    }
}
