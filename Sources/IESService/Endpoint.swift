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

    /// What the `Host` field says, and what is signed.
    package var authority: String { port.map { "\(host):\($0)" } ?? host }
    package var isSecure: Bool { scheme == "https" }
    /// The URL, without a path.
    package var description: String { "\(scheme)://\(authority)" }
}

extension Endpoint {
    /// Reads SOURCE: a region (`cn-north-4`) or a URL of scheme, host and port.
    ///
    /// - Parameters:
    ///   - allowsHTTP: Whether `http` may go to another host than this one.
    ///   - environment: `HUAWEICLOUD_SDK_REGION_METASTUDIO_<REGION>` gives a region another URL.
    package static func parse(
        _ source: String, allowsHTTP: Bool = false, environment: [String: String] = [:]
    ) throws(EndpointError) -> Endpoint {
        throw EndpointError("")
    }
}
