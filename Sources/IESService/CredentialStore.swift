// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Synchronization
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
///
/// A source that was named must work; the usual places may be empty. Keys that are renewed over the network (IAM, the
/// metadata service) will be further sources at the end of `sources`; `current` will then hand out what is held.
package final class CredentialStore: Sendable {
    private struct State {
        var files: [FilePath: HeldFile] = [:]
        var source = "none yet"
    }

    private let configuration: CredentialConfiguration
    private let environment: [String: String]
    private let now: @Sendable () -> Date
    private let state = Mutex(State())

    /// - Parameters:
    ///   - environment: Read once; the variables of a running program do not change.
    ///   - now: The clock of the file system the files are on.
    package init(
        _ configuration: CredentialConfiguration, environment: [String: String],
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.configuration = configuration
        self.environment = environment
        self.now = now
    }

    /// The credentials to use now. Looks whether a file has changed, and then reads it again; never asks the network.
    package func current() throws(CredentialError) -> Credentials {
        for source in sources {
            guard let credentials = try credentials(from: source) else { continue }
            state.withLock { $0.source = source.description }
            return credentials
        }
        throw CredentialError(
            .missing,
            """
            no credentials were found: name a token_file or a credentials file, set HUAWEICLOUD_SDK_AK and \
            HUAWEICLOUD_SDK_SK or IESFS_TOKEN, or write [\(configuration.profile)] with ak and sk to \
            ~/.huaweicloud/credentials
            """)
    }

    /// Forgets what was read, so that the next use reads every file again.
    package func reload() {
        state.withLock { $0.files.removeAll() }
    }

    /// Where the credentials last came from, in words; never a secret.
    package var source: String { state.withLock { $0.source } }

    private enum Source: CustomStringConvertible {
        case tokenFile(FilePath)
        case token(variable: String)
        case keys(variables: KeyVariables)
        case profile(String, FilePath, isRequired: Bool)

        var description: String {
            switch self {
            case .tokenFile(let path): "token file \(path)"
            case .token(let variable): "environment (\(variable))"
            case .keys: "environment (\(KeyVariables.accessKey), \(KeyVariables.secretKey))"
            case .profile(let name, let path, _): "profile [\(name)] of \(path)"
            }
        }
    }

    private struct KeyVariables {
        static let accessKey = "HUAWEICLOUD_SDK_AK"
        static let secretKey = "HUAWEICLOUD_SDK_SK"
        static let securityToken = "HUAWEICLOUD_SDK_SECURITY_TOKEN"
    }

    private static let tokenVariable = "IESFS_TOKEN"

    private var sources: [Source] {
        if let path = configuration.tokenFile { return [.tokenFile(path)] }
        if let path = configuration.credentialsFile {
            return [.profile(configuration.profile, path, isRequired: true)]
        }
        var sources: [Source] = [.token(variable: Self.tokenVariable), .keys(variables: KeyVariables())]
        if let path = variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE") {
            sources.append(.profile(configuration.profile, FilePath(path), isRequired: true))
        } else if let home = variable("HOME") {
            let path = FilePath(home).appending(".huaweicloud").appending("credentials")
            sources.append(.profile(configuration.profile, path, isRequired: false))
        }
        return sources
    }

    private func credentials(from source: Source) throws(CredentialError) -> Credentials? {
        switch source {
        case .tokenFile(let path):
            let credentials = try held(path) { (bytes) throws(CredentialError) in
                .token(try CredentialText.token(bytes, in: path))
            }
            guard let credentials else {
                throw CredentialError(.unreadable, "the token file \(path) does not exist")
            }
            return credentials
        case .token(let name):
            guard let text = variable(name) else { return nil }
            return .token(try CredentialText.token(text, in: "the variable \(name)"))
        case .keys:
            return try keysFromEnvironment()
        case .profile(let name, let path, let isRequired):
            let credentials = try held(path) { (bytes) throws(CredentialError) in
                try CredentialText.profile(name, bytes, in: path, isRequired: isRequired)
            }
            if credentials == nil, isRequired {
                throw CredentialError(.unreadable, "the credentials file \(path) does not exist")
            }
            return credentials
        }
    }

    private func keysFromEnvironment() throws(CredentialError) -> Credentials? {
        let accessKey = variable(KeyVariables.accessKey)
        let secretKey = variable(KeyVariables.secretKey)
        guard let accessKey, let secretKey else {
            guard accessKey == nil, secretKey == nil else {
                throw CredentialError(
                    .invalid,
                    "the variables \(KeyVariables.accessKey) and \(KeyVariables.secretKey) are needed together")
            }
            return nil
        }
        return .keys(
            try CredentialText.keys(
                accessKey, Secret(secretKey), variable(KeyVariables.securityToken).map { Secret($0) },
                in: "the environment"))
    }

    /// An empty variable counts as absent.
    private func variable(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }
}

/// What a file held when it was last read.
private struct HeldFile {
    let version: SecretFile.Version
    let credentials: Credentials?
    /// It was read so soon after it was written that a second change could bear the same times.
    let mayHaveChanged: Bool
}

extension CredentialStore {
    /// How long after a change another one may show the same times: file systems count in ticks of up to 2 s.
    private static let coarseness: Int64 = 3

    /// What `parse` makes of the file, done again only when the file has changed. Nil without the file.
    private func held(
        _ path: FilePath, _ parse: ([UInt8]) throws(CredentialError) -> Credentials?
    ) throws(CredentialError) -> Credentials? {
        guard let version = try SecretFile.version(of: path) else { return nil }
        let held = state.withLock { $0.files[path] }
        if let held, held.version == version, !held.mayHaveChanged { return held.credentials }
        guard let contents = try SecretFile.read(path) else { return nil }
        // A file that is being written in place is empty for a moment; what it held is good until it is not.
        if contents.bytes.isEmpty, let held { return held.credentials }
        let credentials = try parse(contents.bytes)
        let age = Int64(now().timeIntervalSince1970) - contents.version.seconds
        let file = HeldFile(
            version: contents.version, credentials: credentials,
            mayHaveChanged: (-Self.coarseness...Self.coarseness).contains(age))
        state.withLock { $0.files[path] = file }
        return credentials
    }
}
