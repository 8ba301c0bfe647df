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
    /// The profile is meant, and nothing goes before it but the file that is named.
    package var isProfileOnly = false
    /// The metadata service to ask where no other place has credentials; nil: none.
    package var metadata: Endpoint?
    /// Of IAM, for profiles that do not name another.
    package var identity: Endpoint?
    /// Whether a profile may name an `http` address of IAM that is not on this machine.
    package var allowsHTTP = false

    package init(tokenFile: FilePath? = nil, credentialsFile: FilePath? = nil, profile: String = "basic") {
        self.tokenFile = tokenFile
        self.credentialsFile = credentialsFile
        self.profile = profile
    }
}

/// The credentials this host holds, from the first source that yields any: configuration, environment, the directory of
/// credentials that systemd makes, profile file.
///
/// A source that was named must work; the usual places may be empty. Never asks the network: `CredentialKeeper` does.
package final class CredentialStore: Sendable {
    /// What there is to work with.
    package enum Found: Hashable, Sendable {
        case credentials(Credentials)
        /// To be exchanged for a token.
        case login(PasswordLogin)
    }

    private struct State {
        var files: [FilePath: HeldFile] = [:]
        var source = "none yet"
    }

    package let configuration: CredentialConfiguration
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

    /// What to use now; nil: there is nothing in any of the usual places. Looks whether a file has changed, and then reads
    /// it again.
    package func found() throws(CredentialError) -> Found? {
        for source in sources {
            guard let found = try found(in: source) else { continue }
            state.withLock { $0.source = source.description }
            return found
        }
        return nil
    }

    /// There is nothing to use.
    package var missing: CredentialError {
        CredentialError(
            .missing,
            """
            no credentials were found: name a token_file or a credentials file, set HUAWEICLOUD_SDK_AK and \
            HUAWEICLOUD_SDK_SK or IESFS_TOKEN, or write [\(configuration.profile)] with ak and sk to \
            ~/.huaweicloud/credentials
            """)
    }

    /// Where the login is exchanged.
    func identityEndpoint(of login: PasswordLogin) throws(CredentialError) -> Endpoint {
        do throws(EndpointError) {
            if let text = login.endpoint { return try Endpoint.parse(text, allowsHTTP: configuration.allowsHTTP) }
        } catch {
            throw CredentialError(.invalid, "iam_endpoint of profile [\(configuration.profile)]: \(error)")
        }
        guard let identity = configuration.identity else {
            throw CredentialError(.invalid, "profile [\(configuration.profile)] lacks iam_endpoint")
        }
        return identity
    }

    /// Forgets what was read, so that the next use reads every file again.
    package func reload() {
        state.withLock { $0.files.removeAll() }
    }

    /// Where the credentials last came from, in words; never a secret.
    package var source: String { state.withLock { $0.source } }

    private enum Source: CustomStringConvertible {
        case tokenFile(FilePath, isRequired: Bool)
        case token(variable: String)
        case keys(variables: KeyVariables)
        case profile(String, FilePath, isRequired: Bool)

        var description: String {
            switch self {
            case .tokenFile(let path, _): "token file \(path)"
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
    /// Where systemd puts what `LoadCredential=` names, for this service alone.
    private static let directoryVariable = "CREDENTIALS_DIRECTORY"
    private static let directoryToken = "iesfs.token"
    private static let directoryProfiles = "iesfs.credentials"

    private var sources: [Source] {
        if let path = configuration.tokenFile { return [.tokenFile(path, isRequired: true)] }
        if let path = configuration.credentialsFile {
            return [.profile(configuration.profile, path, isRequired: true)]
        }
        var sources: [Source] =
            configuration.isProfileOnly
            ? [] : [.token(variable: Self.tokenVariable), .keys(variables: KeyVariables())]
        if let directory = variable(Self.directoryVariable).map({ FilePath($0) }) {
            if !configuration.isProfileOnly {
                sources.append(.tokenFile(directory.appending(Self.directoryToken), isRequired: false))
            }
            sources.append(
                .profile(configuration.profile, directory.appending(Self.directoryProfiles), isRequired: false))
        }
        if let path = variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE") {
            sources.append(.profile(configuration.profile, FilePath(path), isRequired: true))
        } else if let home = variable("HOME") {
            let path = FilePath(home).appending(".huaweicloud").appending("credentials")
            sources.append(.profile(configuration.profile, path, isRequired: false))
        }
        return sources
    }

    private func found(in source: Source) throws(CredentialError) -> Found? {
        switch source {
        case .tokenFile(let path, let isRequired):
            let found = try held(path) { (bytes) throws(CredentialError) in
                .credentials(.token(try CredentialText.token(bytes, in: path)))
            }
            if found == nil, isRequired {
                throw CredentialError(.unreadable, "the token file \(path) does not exist")
            }
            return found
        case .token(let name):
            guard let text = variable(name) else { return nil }
            return .credentials(.token(try CredentialText.token(text, in: "the variable \(name)")))
        case .keys:
            return try keysFromEnvironment().map { .credentials($0) }
        case .profile(let name, let path, let isRequired):
            let found = try held(path) { (bytes) throws(CredentialError) in
                try CredentialText.profile(name, bytes, in: path, isRequired: isRequired)
            }
            if found == nil, isRequired {
                throw CredentialError(.unreadable, "the credentials file \(path) does not exist")
            }
            return found
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
    let found: CredentialStore.Found?
    /// It was read so soon after it was written that a second change could bear the same times.
    let mayHaveChanged: Bool
}

extension CredentialStore {
    /// How long after a change another one may show the same times: file systems count in ticks of up to 2 s.
    private static let coarseness: Int64 = 3

    /// What `parse` makes of the file, done again only when the file has changed. Nil without the file.
    ///
    /// What a file held stays good until what it holds now can be read: it may be written in place, piece by piece.
    private func held(
        _ path: FilePath, _ parse: ([UInt8]) throws(CredentialError) -> Found?
    ) throws(CredentialError) -> Found? {
        let isOurs = isOfService(path)
        guard let version = try SecretFile.version(of: path) else { return nil }
        let held = state.withLock { $0.files[path] }
        if let held, held.version == version, !held.mayHaveChanged { return held.found }
        guard let contents = try SecretFile.read(path, allowingGroup: isOurs) else { return nil }
        let found: Found?
        do throws(CredentialError) {
            found = try parse(contents.bytes)
        } catch {
            guard let held, held.found != nil else { throw error }
            return held.found
        }
        if found == nil, let held, held.found != nil { return held.found }
        let age = Int64(now().timeIntervalSince1970) - contents.version.seconds
        let file = HeldFile(
            version: contents.version, found: found,
            mayHaveChanged: (-Self.coarseness...Self.coarseness).contains(age))
        state.withLock { $0.files[path] = file }
        return found
    }

    /// In a directory that systemd made for this service alone, and shows it to the service's user by way of the group.
    private func isOfService(_ path: FilePath) -> Bool {
        guard let directory = environment[Self.directoryVariable], !directory.isEmpty else { return false }
        return path.removingLastComponent() == FilePath(directory)
    }
}
