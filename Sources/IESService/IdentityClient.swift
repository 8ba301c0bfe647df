// SPDX-License-Identifier: Apache-2.0

package import Logging

/// IAM, as far as it says which project a region has.
package final class IdentityClient: Sendable {
    /// Why a region does not lead to a project.
    package enum Failure: Error, Hashable, Sendable {
        case service(ServiceFailure)
        /// So many projects have the region's name; one is needed.
        case notOne([ProjectID])
    }

    private static let listLimit = 1 << 20

    private let driver: CallDriver

    package init(
        endpoint: Endpoint, transport: any Transport, credentials: CredentialStore,
        settings: ServiceSettings = ServiceSettings(), logger: Logger? = nil
    ) {
        driver = CallDriver(
            endpoint: endpoint, transport: transport,
            credentials: CredentialKeeper(credentials, transport: transport, settings: settings, logger: logger),
            settings: settings, budgets: RequestBudgets(settings), breakers: Breakers(settings), logger: logger)
    }

    /// The project that bears the name of the region, as the project of a region does (`GET /v3/projects?name=`).
    package func project(
        ofRegion region: String, deadline: ContinuousClock.Instant
    ) async throws(Failure) -> ProjectID {
        let projects: [ProjectID]
        do throws(ServiceFailure) {
            projects = try await self.projects(named: region, deadline: deadline)
        } catch {
            throw .service(error)
        }
        guard projects.count == 1 else { throw .notOne(projects) }
        return projects[0]
    }

    private func projects(
        named name: String, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) -> [ProjectID] {
        let call = ServiceCall.projects(named: name)
        let purpose = ResponseGate.Purpose.document(limit: Self.listLimit, url: driver.url(of: call))
        var deadline = deadline
        guard case .document(let bytes) = try await driver.perform(call, purpose, extending: &deadline),
            case let reading = JSONText.read(bytes), reading.isWhole,
            case .array(let list)? = reading.value?["projects"]
        else { throw .malformed("IAM's list of projects is not the JSON that it should be.") }
        // The filter is the server's; what it lets through is looked at all the same.
        return list.filter { $0["name"]?.scalar == name && $0["enabled"]?.scalar != "false" }
            .compactMap { $0["id"]?.scalar.flatMap { ProjectID(rawValue: $0) } }
    }
}

extension IdentityClient.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .service(let failure): "IAM does not say which project the region has: \(failure.summary)"
        case .notOne(let projects) where projects.isEmpty: "IAM knows no project of that region for these credentials"
        case .notOne(let projects):
            "IAM knows more than one project of that region: \(projects.map(\.rawValue).joined(separator: ", "))"
        }
    }
}
