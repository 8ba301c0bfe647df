// SPDX-License-Identifier: Apache-2.0

/// An access key with its secret, permanent or temporary. Prints as redacted, as `Secret` does.
package struct AccessKeys: Sendable, Hashable {
    /// Not a secret by itself, but it names the account: sent to the service, never printed.
    package let accessKey: String
    package let secretKey: Secret
    /// With temporary keys only; never empty.
    package let securityToken: Secret?

    package init(accessKey: String, secretKey: Secret, securityToken: Secret? = nil) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.securityToken = securityToken
    }
}

extension AccessKeys: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted keys>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

/// What a request is authenticated with.
package enum Credentials: Sendable, Hashable {
    /// The request is signed (SDK-HMAC-SHA256).
    case keys(AccessKeys)
    /// The request carries the token as `X-Auth-Token`.
    case token(Secret)
}

/// Why there are no credentials to use. Never holds a secret.
package struct CredentialError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// No source yields any.
        case missing
        /// A file that was named cannot be read.
        case unreadable
        /// Others can read or write the file.
        case exposed
        /// The source is there but its content is not usable.
        case invalid
        /// Who issues them does not do so now; it may later.
        case unavailable
        /// Who issues them refuses who asks: with the same request it would again.
        case refused
        /// Who issues them refuses what is asked for.
        case denied
    }

    package let kind: Kind
    /// Asking again soon would do harm: a wrong password locks its user.
    var isFinal: Bool { kind == .refused || kind == .denied }
    /// One sentence for the reader: what is wrong and what mends it.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
