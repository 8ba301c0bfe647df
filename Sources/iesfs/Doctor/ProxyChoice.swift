// SPDX-License-Identifier: Apache-2.0

import IESService

/// The proxy that libcurl is led to: by the option, else by the usual variables.
struct ProxyChoice: Hashable, Sendable {
    /// Without user and password.
    let url: String
    let origin: String
    /// Hosts it is not used for, as given.
    let exceptions: String?

    /// Nil: none. An empty option means none as well.
    init?(option: String?, endpoint: Endpoint, environment: [String: String]) {
        func variable(_ names: [String]) -> (String, String)? {
            names.lazy.compactMap { name in environment[name].flatMap { $0.isEmpty ? nil : (name, $0) } }.first
        }
        // HTTP_PROXY is none of them: a web server passes a client's field to its children by that name.
        let names = endpoint.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        exceptions = variable(["no_proxy", "NO_PROXY"])?.1
        if let option {
            guard !option.isEmpty else { return nil }
            (url, origin) = (Self.redacted(option), "the option proxy")
        } else if let (name, value) = variable(names + ["all_proxy", "ALL_PROXY"]) {
            (url, origin) = (Self.redacted(value), "the variable \(name)")
        } else {
            return nil
        }
    }

    var text: String { "\(url), from \(origin)" + (exceptions.map { "; not for \($0)" } ?? "") }

    /// User and password stand before the last @.
    private static func redacted(_ url: String) -> String {
        guard let at = url.lastIndex(of: "@") else { return url }
        let scheme = url.firstRange(of: "://").map { String(url[..<$0.upperBound]) } ?? ""
        return "\(scheme)<redacted>\(url[at...])"
    }
}
