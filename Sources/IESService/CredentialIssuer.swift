// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// Who hands out credentials that end.
enum IssuerSource: Sendable {
    case metadata(MetadataService)
    case identity(IdentityService, PasswordLogin, ProjectID, LoginLatch)

    /// Credentials are renewed so long before they end. New keys of a server are there 10 minutes before.
    var margin: ClosedRange<Duration> {
        switch self {
        case .metadata: .seconds(300) ... .seconds(540)
        case .identity: .seconds(1800) ... .seconds(3600)
        }
    }

    /// Somebody has said that this is where credentials come from: it is worth waiting for.
    var isWanted: Bool {
        switch self {
        case .metadata: false
        case .identity: true
        }
    }

    /// A token is for one project; keys are for all.
    var isOfProject: Bool {
        switch self {
        case .metadata: false
        case .identity: true
        }
    }

    func issue() async throws(CredentialError) -> IssuedCredentials {
        switch self {
        case .metadata(let service): try await service.issue()
        case .identity(let service, let login, let project, let latch):
            try await latch.exchange(for: project) { () async throws(CredentialError) in
                try await service.token(for: login, project: project)
            }
        }
    }
}

extension IssuerSource: CustomStringConvertible {
    var description: String {
        switch self {
        case .metadata(let service): "metadata service \(service.endpoint)"
        case .identity(let service, _, let project, _): "IAM at \(service.endpoint), for project \(project)"
        }
    }
}

/// Has credentials issued and renewed, once for all who need them.
final class CredentialIssuer: Sendable {
    private struct State {
        var plan: RenewalPlan
        var renewal: Task<Void, Never>?
    }

    let source: IssuerSource
    private let settings: ServiceSettings
    private let logger: Logger?
    private let state: Mutex<State>

    init(_ source: IssuerSource, settings: ServiceSettings, logger: Logger?) {
        self.source = source
        self.settings = settings
        self.logger = logger
        state = Mutex(State(plan: RenewalPlan(margin: source.margin)))
    }

    /// What is held, or what comes until the deadline. While what is held has not ended, nobody waits for its renewal.
    func current(deadline: ContinuousClock.Instant) async throws(CredentialError) -> Credentials {
        while true {
            let (step, isPatient) = state.withLock { state in
                let step = state.plan.step(at: settings.instant())
                if step.begins { state.renewal = Task { await renew() } }
                return (step, state.plan.hasHeld || source.isWanted)
            }
            switch step {
            case .use(let credentials, _): return credentials
            case .wait:
                await wait(until: deadline)
                guard settings.instant() < deadline, !Task.isCancelled else {
                    throw CredentialError(.unavailable, "\(source) has not answered in time")
                }
            case .fail(let error, let nextTry):
                guard isPatient, !error.isFinal, nextTry < deadline, !Task.isCancelled else { throw error }
                try? await settings.turn(nextTry)
            }
        }
    }

    /// The service does not take them. The next use waits for others.
    func refused(_ credentials: Credentials) {
        let error = CredentialError(
            .refused,
            "the service takes none of the credentials that come from \(source): see whether they are its region's")
        state.withLock { $0.plan.refused(credentials, because: error, at: settings.instant()) }
    }

    /// The service takes them.
    func accepted(_ credentials: Credentials) { state.withLock { $0.plan.accepted(credentials) } }

    func forgive() { state.withLock { $0.plan.forgive() } }

    /// Time until what is held ends; nil without an end.
    var remaining: Duration? {
        let now = settings.instant()
        return state.withLock { $0.plan.end }.map { now.duration(to: $0) }
    }

    private func renew() async {
        let result: Result<IssuedCredentials, CredentialError>
        do throws(CredentialError) {
            let issued = try await source.issue()
            if let lifetime = issued.lifetime, lifetime <= .zero {
                throw CredentialError(
                    .unavailable,
                    "\(source) hands out credentials that have ended already: see whether this machine's clock is right"
                )
            }
            result = .success(issued)
        } catch {
            result = .failure(error)
        }
        let random = settings.random()
        state.withLock { state in
            state.renewal = nil
            switch result {
            case .success(let issued): state.plan.renewed(issued, at: settings.instant(), random: random)
            case .failure(let error): state.plan.failed(error, at: settings.instant(), random: random)
            }
        }
        switch result {
        case .success: logger?.debug("credentials were issued by \(source)")
        case .failure(let error): logger?.warning("\(error.description)")
        }
    }

    /// Until the renewal has ended, the deadline has come or the task is cancelled. The renewal goes on for the others.
    private func wait(until deadline: ContinuousClock.Instant) async {
        guard let renewal = state.withLock({ $0.renewal }) else { return }
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let watch = Task {
            await renewal.value
            end.finish()
        }
        let timer = Task { [settings] in
            do { try await settings.alarm(deadline) } catch { return }
            end.finish()
        }
        for await _ in ends {}
        watch.cancel()
        timer.cancel()
    }
}

extension RenewalPlan.Step {
    fileprivate var begins: Bool {
        switch self {
        case .use(_, let renews): renews
        case .wait(let begins): begins
        case .fail: false
        }
    }
}
