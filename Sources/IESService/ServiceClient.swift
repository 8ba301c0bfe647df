// SPDX-License-Identifier: Apache-2.0

package import Logging

/// Where the calls of one project go and as whom, where that is not as for all others.
package struct ProjectRoute: Sendable {
    package var endpoint: Endpoint?
    package var credentials: CredentialStore?

    package init(endpoint: Endpoint? = nil, credentials: CredentialStore? = nil) {
        self.endpoint = endpoint
        self.credentials = credentials
    }
}

/// The calls of the service that a mount needs.
///
/// Every attempt is signed anew. Nothing that authenticates goes anywhere but to `endpoint`.
package final class ServiceClient: Sendable {
    /// A page of the task list; real ones have some kilobytes.
    private static let pageLimit = 16 << 20

    package let endpoint: Endpoint
    /// Whether the service can be reached.
    package let health = ServiceHealth()
    private let driver: CallDriver
    private let routes: [ProjectID: CallDriver]
    private let keepers: [CredentialKeeper]

    /// - Parameter routes: Of projects that are elsewhere, or whose credentials are others. Latches and renewals are one
    ///   for each store of credentials.
    package init(
        endpoint: Endpoint, transport: any Transport, credentials: CredentialStore,
        routes: [ProjectID: ProjectRoute] = [:], settings: ServiceSettings = ServiceSettings(), logger: Logger? = nil
    ) {
        self.endpoint = endpoint
        let (budgets, breakers) = (RequestBudgets(settings), Breakers(settings))
        var keepers: [ObjectIdentifier: CredentialKeeper] = [:]
        var skews: [Endpoint: ClockSkew] = [:]
        var ordered: [CredentialKeeper] = []
        func driver(_ endpoint: Endpoint, _ store: CredentialStore) -> CallDriver {
            let known = keepers[ObjectIdentifier(store)]
            let keeper =
                known ?? CredentialKeeper(store, transport: transport, settings: settings, logger: logger)
            if known == nil {
                keepers[ObjectIdentifier(store)] = keeper
                ordered.append(keeper)
            }
            let skew = skews[endpoint] ?? ClockSkew()
            skews[endpoint] = skew
            return CallDriver(
                endpoint: endpoint, transport: transport, credentials: keeper, settings: settings, budgets: budgets,
                breakers: breakers, skew: skew, logger: logger)
        }
        self.driver = driver(endpoint, credentials)
        self.routes = routes.mapValues { driver($0.endpoint ?? endpoint, $0.credentials ?? credentials) }
        self.keepers = ordered
    }

    /// Where calls of the project go; nil: those of no project.
    package func endpoint(of project: ProjectID?) -> Endpoint { driver(of: project).endpoint }

    /// Reads all that holds credentials again, and tries again what was refused.
    package func reloadCredentials() {
        for keeper in keepers { keeper.reload() }
    }

    /// Where the credentials last came from, those of the mount first; never a secret.
    package var credentialSources: [String] { keepers.map(\.summary) }

    /// Where those for the project last came from, and until when they hold; nil: those for no project.
    package func credentialSource(of project: ProjectID? = nil) -> String {
        driver(of: project).credentials.summary
    }

    /// Whether there are credentials to make calls with; who issues them is asked, the service is not.
    package func checkCredentials(
        of project: ProjectID? = nil, deadline: ContinuousClock.Instant
    ) async throws(CredentialError) {
        try await driver(of: project).credentials.check(project, deadline: deadline)
    }

    private func driver(of project: ProjectID?) -> CallDriver { project.flatMap { routes[$0] } ?? driver }

    /// The URL of a result, as answers and refusals show it.
    package func url(of id: ResultID) -> String {
        driver(of: id.project).url(of: ServiceCall.result(id, range: nil, ifRange: nil, revalidating: nil))
    }

    /// One `GET …/ies/result/{id}`: tells `receiver` the answer, then the bytes.
    ///
    /// Returns when the receiver has had every byte that the answer promised. Passing failures are tried again, only
    /// before the receiver has its answer. Cancelling the task ends the call with `.transport(.cancelled)`.
    ///
    /// - Parameters:
    ///   - range: Not empty. What comes is exactly this, cut at the end of the result, or the whole result.
    ///   - ifRange: Has the service send the whole result when it is not this one any more; used if it is strong.
    ///   - revalidating: Has the service answer `.notModified` when the result is still this one.
    ///   - ticket: How urgent it is. Time for which the project's budget holds it back does not count.
    ///   - outlastsOutages: Tries again until the deadline, however often that is, while no connection can be made.
    ///   - deadline: For the answer; afterwards `ServiceSettings.timeout` without a byte ends the call.
    package func result(
        _ id: ResultID, range: Range<Int64>? = nil, ifRange: Validator? = nil, revalidating: Validator? = nil,
        ticket: RequestTicket = RequestTicket(), outlastsOutages: Bool = false, deadline: ContinuousClock.Instant,
        receiver: some ResultReceiver
    ) async throws(ServiceFailure) {
        let call = ServiceCall.result(
            id, range: range, ifRange: ifRange, revalidating: revalidating, outlastsOutages: outlastsOutages)
        let driver = driver(of: id.project)
        let question = ResultQuestion(url: driver.url(of: call), range: range, isConditional: call.isConditional)
        let noting = HealthNotingReceiver(receiver, health)
        var deadline = deadline
        switch try await perform(call, .result(noting, question), by: driver, ticket: ticket, extending: &deadline) {
        case .delivered, .document: return
        case .held(let answer, let bytes):
            do throws(TransportError) {
                try await HeldDelivery.deliver(answer, bytes, to: receiver)
            } catch {
                throw .transport(error)
            }
        }
    }

    /// The tasks of the project, as many as the service tells. Bounded, whatever it answers (`TaskPaging`).
    ///
    /// - Parameter deadline: For the first page; what is known then is the answer, if it is something.
    package func tasks(
        of project: ProjectID, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) -> TaskList {
        var paging = TaskPaging()
        var deadline = deadline
        var request = paging.first
        while true {
            let step: TaskPaging.Step
            do throws(ServiceFailure) {
                let (page, size) = try await page(request, of: project, extending: &deadline)
                step = paging.received(page, bytes: size)
            } catch .transport(.cancelled) {
                throw .transport(.cancelled)
            } catch {
                guard let next = paging.failed(isInvalid: error.refusesParameters) else { throw error }
                step = next
            }
            switch step {
            case .ask(let next): request = next
            case .finished(let list): return list
            }
        }
    }

    /// Whether the endpoint answers, and lets these credentials in: what a mount wants to know before it begins.
    ///
    /// With a project, one list call, of which only a refusal of the credentials is a failure; without, one request
    /// that carries no credentials, of which any answer is good. Never tried again.
    package func check(
        project: ProjectID? = nil, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) {
        let driver = driver(of: project)
        do throws(CredentialError) {
            try await checkCredentials(of: project, deadline: deadline)
        } catch {
            throw .credentials(error)
        }
        let call = project.map { ServiceCall.tasks(of: $0, .init(offset: 0, limit: 1), retryLimit: 0) } ?? .greeting
        do throws(ServiceFailure) {
            var deadline = deadline
            _ = try await perform(
                call, .document(limit: Self.pageLimit, url: driver.url(of: call)), by: driver, extending: &deadline)
        } catch .refused(let error) {
            guard call.isSigned, error.refusesCredentials else { return }
            throw .refused(error)
        } catch .malformed {
            return
        }
    }

    /// Every call goes through here, so that one place knows how they end.
    private func perform(
        _ call: ServiceCall, _ purpose: ResponseGate.Purpose, by driver: CallDriver,
        ticket: RequestTicket = RequestTicket(), extending deadline: inout ContinuousClock.Instant
    ) async throws(ServiceFailure) -> CallDriver.Success {
        do throws(ServiceFailure) {
            let outcome = try await driver.perform(call, purpose, ticket: ticket, extending: &deadline)
            health.answered()
            return outcome
        } catch {
            health.failed(error)
            throw error
        }
    }

    private func page(
        _ request: TaskPaging.Request, of project: ProjectID, extending deadline: inout ContinuousClock.Instant
    ) async throws(ServiceFailure) -> (page: TaskPage, size: Int) {
        let call = ServiceCall.tasks(of: project, request)
        let driver = driver(of: project)
        let purpose = ResponseGate.Purpose.document(limit: Self.pageLimit, url: driver.url(of: call))
        guard case .document(let bytes) = try await perform(call, purpose, by: driver, extending: &deadline) else {
            throw .malformed("The service's task list is not a document.")
        }
        let reading = JSONText.read(bytes)
        guard reading.isWhole, let document = reading.value, let page = TaskPage(document) else {
            throw .malformed("The service's task list is not the JSON that it should be.")
        }
        return (page, bytes.count)
    }
}

extension CallDriver {
    /// What is asked for, as answers and refusals show it.
    func url(of call: ServiceCall) -> String { "\(endpoint)\(call.path)" }
}

extension ServiceFailure {
    /// What a service that does not know a parameter answers.
    fileprivate var refusesParameters: Bool {
        guard case .refused(let error) = self else { return false }
        return error.status == 400 && !error.refusesCredentials
    }
}
