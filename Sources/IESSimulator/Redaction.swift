// SPDX-License-Identifier: Apache-2.0

/// Keeps secrets out of the log. Of a signature, what was signed stays readable; the signature does not.
enum Redaction {
    static let mark = "<redacted>"

    static func value(_ field: HeaderField) -> String {
        switch field.name.lowercased() {
        case "authorization" where field.text.hasPrefix("SDK-HMAC-SHA256 "):
            field.text.split(separator: ",", omittingEmptySubsequences: false)
                .map { part in
                    part.contains("SignedHeaders=") ? String(part) : String(part.prefix { $0 != "=" }) + "=" + mark
                }
                .joined(separator: ",")
        case "authorization", "x-auth-token", "x-subject-token", "x-security-token", "x-metadata-token", "cookie",
            "proxy-authorization":
            mark
        default: field.text
        }
    }

    /// The path with the signature of a link taken out.
    static func path(_ target: String) -> String {
        guard let question = target.firstIndex(of: "?") else { return target }
        let query = target[target.index(after: question)...].split(separator: "&", omittingEmptySubsequences: false)
            .map { $0.lowercased().hasPrefix("signature=") ? "signature=" + mark : String($0) }
        return target[..<question] + "?" + query.joined(separator: "&")
    }
}
