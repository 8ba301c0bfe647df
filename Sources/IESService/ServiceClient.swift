// SPDX-License-Identifier: Apache-2.0

package import Logging

/// The calls of the service that a mount needs.
package final class ServiceClient: Sendable {
    package let endpoint: Endpoint

    package init(
        endpoint: Endpoint, transport: any Transport, credentials: CredentialStore,
        settings: ServiceSettings = ServiceSettings(), logger: Logger? = nil
    ) {
        self.endpoint = endpoint
    }

    package func result(
        _ id: ResultID, range: Range<Int64>? = nil, ifRange: Validator? = nil, revalidating: Validator? = nil,
        deadline: ContinuousClock.Instant, receiver: some ResultReceiver
    ) async throws(ServiceFailure) {
        throw .deadline
    }

    package func tasks(
        of project: ProjectID, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) -> TaskList {
        throw .deadline
    }

    package func check(
        project: ProjectID? = nil, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) {
        throw .deadline
    }
}
