// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import IESService
import Synchronization

extension ProjectID {
    /// The project of a simulated service unless another is given.
    package static let simulated = ProjectID(rawValue: "0a1b2c3d4e5f60718293a4b5c6d7e8f9").assumed
}

extension Optional {
    /// For literals whose form is known.
    fileprivate var assumed: Wrapped {
        guard let self else { preconditionFailure("a literal is not well-formed") }
        return self
    }
}

/// The credentials a simulated service accepts unless others are given. Made up, and worth nothing elsewhere.
package enum SimulatedAccount {
    package static let accessKey = "SIMULATEDACCESSKEY01"
    package static let secretKey = "simulatedSecretKeyOfNoOtherUse0000000001"
    package static let token = "simulated-token-of-no-other-use"
    package static let user = "simulated-user"
    package static let password = "simulated-password"
    package static let domain = "simulated-domain"
    package static let region = "cn-north-4"
}

/// Who may call, with what.
struct Accounts: Sendable {
    struct Key: Sendable {
        var secret: String
        /// Demanded in `X-Security-Token`: a temporary key.
        var securityToken: String?
        /// Nil: for ever.
        var expires: Date?
        var wrongTries = 0
        var lockedUntil: Date?
    }

    struct Token: Sendable {
        /// Nil: any project.
        var project: ProjectID?
        var expires: Date?
    }

    var keys: [String: Key]
    var tokens: [String: Token]
    var user = SimulatedAccount.user
    var password = SimulatedAccount.password
    var domain = SimulatedAccount.domain
    var tokenLifetime = Duration.seconds(24 * 3600)
    var issued = 0
    /// The pairs the metadata service has given, the newest last.
    var served: [ServedKeys] = []
    var metadataTokens: Set<String> = []

    struct ServedKeys: Sendable {
        let access: String
        let secret: String
        let securityToken: String
        let expires: Date
        /// When the next pair is there.
        let successor: Date
    }

    init(accessKey: String, secretKey: String, token: String, project: ProjectID) {
        keys = [accessKey: Key(secret: secretKey)]
        tokens = [token: Token(project: nil)]
    }

    mutating func unlock() {
        for access in Array(keys.keys) {
            keys[access]?.wrongTries = 0
            keys[access]?.lockedUntil = nil
        }
    }
}

extension SimulatedService {
    /// Accepts another key pair; with a security token, a temporary one.
    package func addKey(_ accessKey: String, secret: String, securityToken: String? = nil, expires: Date? = nil) {
        state.withLock {
            $0.accounts.keys[accessKey] = Accounts.Key(secret: secret, securityToken: securityToken, expires: expires)
        }
    }

    package func removeKey(_ accessKey: String) { state.withLock { $0.accounts.keys[accessKey] = nil } }

    /// Accepts another token; bound to a project where one is given.
    package func addToken(_ token: String, project: ProjectID? = nil, expires: Date? = nil) {
        state.withLock { $0.accounts.tokens[token] = Accounts.Token(project: project, expires: expires) }
    }

    package func removeToken(_ token: String) { state.withLock { $0.accounts.tokens[token] = nil } }

    /// Every token there is ends now; they answer that they must be renewed.
    package func expireTokens() {
        let time = now
        state.withLock { state in
            for token in Array(state.accounts.tokens.keys) { state.accounts.tokens[token]?.expires = time }
        }
    }

    /// Who may exchange a password for a token, and how long such tokens live.
    package func setUser(_ name: String, password: String, domain: String, tokenLifetime: Duration = .seconds(86_400)) {
        state.withLock {
            $0.accounts.user = name
            $0.accounts.password = password
            $0.accounts.domain = domain
            $0.accounts.tokenLifetime = tokenLifetime
        }
    }
}
