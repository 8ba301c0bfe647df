// SPDX-License-Identifier: Apache-2.0

/// Why a text does not name an endpoint: one sentence, without any user name or password that was in it.
package struct EndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Where the service is: scheme, host and port, and nothing else.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `https` or `http`.
    package let scheme: String
    /// Lower case; an IPv6 address has its brackets.
    package let host: String
    /// Nil for the scheme's own port.
    package let port: UInt16?

    init(scheme: String, host: String, port: UInt16?) {
        self.scheme = scheme
        self.host = host
        self.port = port == (scheme == "https" ? 443 : 80) ? nil : port
    }

    /// What the `Host` field says, and what is signed. The scheme's own port is left out, as clients send it.
    package var authority: String { port.map { "\(host):\($0)" } ?? host }
    package var isSecure: Bool { scheme == "https" }
    /// The URL, without a path.
    package var description: String { "\(scheme)://\(authority)" }
}

extension Endpoint {
    /// Reads SOURCE: a region (`cn-north-4`) or a URL of scheme, host and port; without a scheme it is `https`.
    ///
    /// - Parameters:
    ///   - allowsHTTP: Whether `http`, which shows the credentials to the network, may go to another host than this.
    ///   - environment: `HUAWEICLOUD_SDK_REGION_METASTUDIO_<REGION>` gives a region another URL; of several in a
    ///     list, the first.
    package static func parse(
        _ source: String, allowsHTTP: Bool = false, environment: [String: String] = [:]
    ) throws(EndpointError) -> Endpoint {
        guard isRegion(source) else { return try endpoint(of: source, allowsHTTP: allowsHTTP) }
        let variable = variable(of: source)
        guard let override = environment[variable]?.split(separator: ",").first, !override.isEmpty else {
            return Endpoint(scheme: "https", host: "metastudio.\(source).myhuaweicloud.com", port: nil)
        }
        do {
            return try endpoint(of: trimmed(String(override)), allowsHTTP: allowsHTTP)
        } catch {
            throw EndpointError("\(variable): \(error)")
        }
    }

    /// The variable by which the service's own tools give a region another endpoint.
    package static func variable(of region: String) -> String {
        "HUAWEICLOUD_SDK_REGION_METASTUDIO_" + region.uppercased().replacing("-", with: "_")
    }

    /// Like `cn-north-4`: words of letters joined by hyphens, a number at the end.
    package static func isRegion(_ source: String) -> Bool {
        let words = source.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 3, let last = words.last, DecimalDigits.areAll(last) else { return false }
        return words.dropLast().allSatisfy { word in
            !word.isEmpty && word.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        }
    }

    private static func endpoint(of source: String, allowsHTTP: Bool) throws(EndpointError) -> Endpoint {
        guard !source.utf8.contains(UInt8(ascii: "@")) else {
            throw EndpointError(
                "the endpoint must not contain a user name or password, which every user of this machine could read")
        }
        guard !source.isEmpty else { throw EndpointError("the endpoint is empty") }
        guard let url = AbsoluteURL.parse(source.contains("://") ? source : "https://\(source)") else {
            throw EndpointError("\(quoted(source)) is neither a region, such as cn-north-4, nor the URL of an endpoint")
        }
        guard url.target == "/", !source.utf8.contains(UInt8(ascii: "#")) else {
            throw EndpointError("\(quoted(source)) has a path; an endpoint is only a scheme, a host and a port")
        }
        guard url.origin.isSecure || allowsHTTP || Host.isLoopback(url.origin.host) else {
            throw EndpointError(
                "\(quoted(source)) would show the credentials to the network: use https, or the option allow_http")
        }
        return url.origin
    }

    private static func quoted(_ source: String) -> String {
        "'"
            + String(
                source.unicodeScalars.prefix(200).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
            + "'"
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
