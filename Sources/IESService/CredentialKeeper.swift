// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// Hands out the credentials of calls: those of files and variables as they are, those that are issued renewed in time, and
/// none that the service has just refused.
final class CredentialKeeper: Sendable {
    private enum IssuerKey: Hashable {
        case metadata
        case identity(PasswordLogin, ProjectID)
    }

    private struct State {
        var issuers: [IssuerKey: CredentialIssuer] = [:]
        var logins: [PasswordLogin: LoginLatch] = [:]
        var source = "none yet"
    }

    /// Anyone can name any number of projects.
    private static let mostIssuers = 1000
    private static let mostLogins = 100

    private let store: CredentialStore
    private let transport: any Transport
    private let settings: ServiceSettings
    private let logger: Logger?
    private let latch: Turnstile<CredentialLatch>
    private let metadata: MetadataService?
    private let state = Mutex(State())

    init(_ store: CredentialStore, transport: any Transport, settings: ServiceSettings, logger: Logger?) {
        self.store = store
        self.transport = transport
        self.settings = settings
        self.logger = logger
        latch = Turnstile(CredentialLatch(), settings)
        metadata = store.configuration.metadata.map {
            MetadataService(endpoint: $0, transport: transport, settings: settings)
        }
    }

    /// Credentials that a call was given, to be told what becomes of it.
    struct Loan: Sendable {
        fileprivate let holder: CredentialLatch.Holder
        /// Who has issued them; nil where nobody has.
        fileprivate let issuer: CredentialIssuer?
        /// Of its admission through the latch.
        fileprivate let id: Int
        fileprivate let keeper: CredentialKeeper

        var credentials: Credentials { holder.credentials }

        /// The service let the call through.
        func accepted() {
            issuer?.accepted(holder.credentials)
            keeper.latch.update { [holder] latch, _ in latch.accepted(holder) }
        }

        /// The call has ended, or waits, without saying anything about them.
        func gaveUp() { keeper.latch.update { [holder, id] latch, _ in latch.gaveUp(holder, by: id) } }

        /// The service does not let them see the call's name.
        func denied(_ name: String, _ error: ServiceError) {
            let isHeld = keeper.latch.update { [holder] latch, now in latch.denied(holder, name, error, at: now) }
            if isHeld { keeper.warn(error) }
        }

        /// The service refused them. True: there are others to try.
        func refused(_ error: ServiceError, deadline: ContinuousClock.Instant) async -> Bool {
            await keeper.refused(holder, error, deadline: deadline)
        }
    }

    /// Waits for credentials to be issued where that is needed, and while another call finds out whether they work.
    ///
    /// - Parameter project: What the call is about; nil: no project.
    func admit(
        _ project: ProjectID?, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) -> Loan {
        var wasRefused = false
        while true {
            let holder: CredentialLatch.Holder
            let issuer: CredentialIssuer?
            do throws(CredentialError) {
                (holder, issuer) = try await candidate(project, deadline)
            } catch {
                throw .credentials(error)
            }
            let (id, verdict) = await latch.admit(CredentialLatch.Visitor(holder: holder, deadline: deadline))
            switch verdict {
            case .go(let credentials):
                return Loan(
                    holder: CredentialLatch.Holder(scope: holder.scope, credentials: credentials), issuer: issuer,
                    id: id, keeper: self)
            // While it waited, others may have come.
            case .refused where !wasRefused: wasRefused = true
            case .refused(let error): throw .refused(error)
            case .late: throw .deadline
            case nil: throw .transport(.cancelled)
            }
        }
    }

    /// Whether there are credentials at all, without trying them.
    func check(_ project: ProjectID?, deadline: ContinuousClock.Instant) async throws(CredentialError) {
        // A login is worth nothing without a project to ask a token for.
        if project == nil, case .login? = try store.found() { return }
        _ = try await candidate(project, deadline)
    }

    /// Reads every file again, and tries again what was refused.
    func reload() {
        store.reload()
        latch.update { latch, _ in latch.forgive() }
        let (issuers, logins) = state.withLock { (Array($0.issuers.values), Array($0.logins.values)) }
        for login in logins { login.forgive() }
        for issuer in issuers { issuer.forgive() }
    }

    /// Where the credentials last came from, and until when they hold; never a secret.
    var summary: String { state.withLock { $0.source } }

    // MARK: - Sources

    private func candidate(
        _ project: ProjectID?, _ deadline: ContinuousClock.Instant
    ) async throws(CredentialError) -> (CredentialLatch.Holder, issuer: CredentialIssuer?) {
        let found = try store.found()
        guard let issuer = try issuer(for: found, project) else {
            guard case .credentials(let credentials)? = found else { throw store.missing }
            note(store.source)
            return (CredentialLatch.Holder(scope: nil, credentials: credentials), nil)
        }
        do throws(CredentialError) {
            let credentials = try await issuer.current(deadline: deadline)
            let remaining = issuer.remaining.map { ", for \($0.components.seconds / 60) min" } ?? ""
            note("\(issuer.source)\(remaining)")
            return (
                CredentialLatch.Holder(scope: issuer.source.isOfProject ? project : nil, credentials: credentials),
                issuer
            )
        } catch {
            guard found == nil, error.kind != .refused else { throw error }
            throw CredentialError(store.missing.kind, "\(store.missing.description); \(error.description)")
        }
    }

    private func note(_ source: String) { state.withLock { $0.source = source } }

    /// Nil: the credentials do not end, as far as is known.
    private func issuer(
        for found: CredentialStore.Found?, _ project: ProjectID?
    ) throws(CredentialError) -> CredentialIssuer? {
        let key: IssuerKey
        let source: IssuerSource
        switch found {
        case .credentials: return nil
        case .login(let login):
            guard let project else {
                throw CredentialError(.missing, "a user name and a password are of use for calls of a project only")
            }
            let endpoint = try store.identityEndpoint(of: login)
            key = .identity(login, project)
            source = .identity(
                IdentityService(endpoint: endpoint, transport: transport, settings: settings), login, project,
                latch(of: login))
        case nil:
            guard let metadata else { return nil }
            key = .metadata
            source = .metadata(metadata)
        }
        return state.withLock { state in
            if let issuer = state.issuers[key] { return issuer }
            if state.issuers.count >= Self.mostIssuers { state.issuers.removeAll() }
            let issuer = CredentialIssuer(source, settings: settings, logger: logger)
            state.issuers[key] = issuer
            return issuer
        }
    }

    private func latch(of login: PasswordLogin) -> LoginLatch {
        state.withLock { state in
            if let latch = state.logins[login] { return latch }
            // Those of a file that has changed are not used any more.
            if state.logins.count >= Self.mostLogins { state.logins.removeAll() }
            let latch = LoginLatch(login, settings: settings)
            state.logins[login] = latch
            return latch
        }
    }

    // MARK: - Refusals

    private func refused(
        _ holder: CredentialLatch.Holder, _ error: ServiceError, deadline: ContinuousClock.Instant
    ) async -> Bool {
        // First, so that those whom the latch turns away find that others are on their way.
        for issuer in state.withLock({ Array($0.issuers.values) }) { issuer.refused(holder.credentials) }
        let isNew = latch.update { latch, now in latch.refused(holder, error, at: now) }
        if let (next, _) = try? await candidate(holder.scope, deadline), next != holder { return true }
        let hasFallback = latch.look { latch, now in latch.fallback(for: holder, at: now) != nil }
        if isNew { hasFallback ? warnOfFallback(error) : warn(error) }
        return hasFallback
    }

    private func warn(_ error: ServiceError) {
        logger?.warning(
            """
            the service refuses the credentials from \(summary) (HTTP status \(error.status)\
            \(error.code.map { ", code \($0)" } ?? "")): no call is made with them for some minutes, or until they change
            """)
    }

    private func warnOfFallback(_ error: ServiceError) {
        logger?.warning(
            """
            the service refuses the new credentials from \(summary) (HTTP status \(error.status)\
            \(error.code.map { ", code \($0)" } ?? "")): those before them stay in use while they work
            """)
    }
}
