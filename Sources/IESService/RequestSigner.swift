// SPDX-License-Identifier: Apache-2.0

/// Signs requests with SDK-HMAC-SHA256, the scheme of the API Request Signing Guide.
///
/// One HMAC over a canonical form of the request, without region, service or derived key. The canonical path ends in
/// a slash that is not sent.
package enum RequestSigner {
    package static let algorithm = "SDK-HMAC-SHA256"
    static let unsignedPayload = "UNSIGNED-PAYLOAD"

    package struct Header: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What is signed. Every header is, save those with an underscore in their name: leave out what a proxy may change.
    package struct Request: Sendable {
        package var method: String
        /// The authority that is really sent, with its port unless that is the scheme's own.
        package var host: String
        /// Percent-encoded, as it is sent.
        package var path: String
        /// Names and values as they are meant, not encoded, in any order.
        package var query: [(name: String, value: String)]
        package var headers: [Header]
        package var body: [UInt8]

        package init(
            method: String, host: String, path: String, query: [(name: String, value: String)] = [],
            headers: [Header] = [], body: [UInt8] = []
        ) {
            self.method = method
            self.host = host
            self.path = path
            self.query = query
            self.headers = headers
            self.body = body
        }
    }

    /// A signature with the steps that led to it, which the gateway's own errors can be compared with. Holds no key.
    package struct Signature: Hashable, Sendable {
        package let canonicalRequest: String
        package let stringToSign: String
        package let signedHeaders: String
        /// The value of the `Authorization` field.
        package let authorization: String
        /// All headers to send with it but `Authorization` and `Host`: those given, and those signing adds.
        package let headers: [Header]
    }

    /// - Parameter date: `YYYYMMDD'T'HHMMSS'Z'`, UTC; a given `X-Sdk-Date` goes before it.
    package static func sign(_ request: Request, with keys: AccessKeys, date: String) -> Signature {
        let headers = completed(request, date: date)
        let signed = signable(headers)
        let date = signed.last { $0.name == "x-sdk-date" }?.value ?? date
        let names = signed.map(\.name).joined(separator: ";")
        let canonical = [
            request.method.uppercased(),
            canonicalPath(request.path),
            canonicalQuery(request.query),
            signed.map { "\($0.name):\($0.value)\n" }.joined(),
            names,
            payloadHash(request.body, headers),
        ].joined(separator: "\n")
        let toSign = "\(algorithm)\n\(date)\n\(Digest.sha256(Array(canonical.utf8)))"
        let signature = keys.secretKey.reveal { Digest.hmacSHA256(key: Array($0.utf8), Array(toSign.utf8)) }
        return Signature(
            canonicalRequest: canonical, stringToSign: toSign, signedHeaders: names,
            authorization: "\(algorithm) Access=\(keys.accessKey), SignedHeaders=\(names), Signature=\(signature)",
            headers: headers.filter { !isNamed($0, "host") })
    }

    /// The query as it is signed and sent: sorted by name, then value, both by their UTF-8 bytes.
    package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
        query.sorted { left, right in
            if !left.name.utf8.elementsEqual(right.name.utf8) {
                return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
            }
            return left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
        }.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }

    private static func canonicalPath(_ path: String) -> String {
        let pieces = PercentEncoding.decode(path).split(separator: "/", omittingEmptySubsequences: false)
        let encoded = pieces.map { PercentEncoding.encode($0) }.joined(separator: "/")
        return encoded.hasSuffix("/") ? encoded : encoded + "/"
    }

    /// The headers given, with the ones that every signed request has.
    private static func completed(_ request: Request, date: String) -> [Header] {
        var headers = request.headers.map { Header($0.name, trimmed($0.value)) }
        func add(_ name: String, _ value: String) {
            guard !headers.contains(where: { isNamed($0, name) }) else { return }
            headers.append(Header(name, value))
        }
        add("X-Sdk-Date", date)
        add("Host", request.host)
        if let type = headers.last(where: { isNamed($0, "content-type") })?.value, !isJSON(type) {
            add("X-Sdk-Content-Sha256", unsignedPayload)
        }
        return headers
    }

    private static func signable(_ headers: [Header]) -> [Header] {
        headers.filter { !$0.name.utf8.contains(UInt8(ascii: "_")) }
            .map { Header($0.name.lowercased(), $0.value) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private static func payloadHash(_ body: [UInt8], _ headers: [Header]) -> String {
        guard !body.isEmpty, let given = headers.last(where: { isNamed($0, "x-sdk-content-sha256") }) else {
            return Digest.sha256(body)
        }
        return given.value
    }

    private static func isJSON(_ type: String) -> Bool {
        type.hasPrefix("application/json") || type.hasPrefix("application/bson")
    }

    private static func isNamed(_ header: Header, _ name: String) -> Bool {
        header.name.lowercased() == name.lowercased()
    }

    private static func trimmed(_ value: String) -> String {
        func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
        let scalars = value.unicodeScalars
        guard let first = scalars.firstIndex(where: { !isBlank($0) }),
            let last = scalars.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(scalars[first...last])
    }
}
