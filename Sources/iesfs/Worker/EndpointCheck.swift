// SPDX-License-Identifier: Apache-2.0

import IESService

/// Asks the endpoint once, before the mount is called ready.
struct EndpointCheck: Sendable {
    let client: ServiceClient
    /// Asked for its tasks where given; else it is a connection only.
    let project: ProjectID?
    let limit: Duration

    /// What is wrong, as a sentence; nil if nothing is.
    func run() async -> String? {
        do throws(ServiceFailure) {
            try await client.check(project: project, deadline: .now + limit)
            return nil
        } catch {
            return "the endpoint \(client.endpoint(of: project)) \(Self.clause(error, limit: limit))"
        }
    }

    /// The end of a sentence that begins with the endpoint.
    static func clause(_ failure: ServiceFailure, limit: Duration) -> String {
        switch failure {
        case .refused(let refusal):
            "refused: \(refusal.message) (\(refusal.code.map { "\($0), " } ?? "")HTTP status \(refusal.status))"
        case .transport(let error): clause(error)
        case .credentials(let error): "cannot be asked: \(error.description)"
        case .malformed(let text), .contradiction(let text): "gives an answer that cannot be used: \(text)"
        case .deadline: "has not answered within \(limit.components.seconds) s"
        }
    }

    private static func clause(_ error: TransportError) -> String {
        switch error {
        case .nameNotResolved(let host): "has no address: the name \(host) cannot be resolved"
        case .unreachable: "cannot be reached: there is no route to it"
        case .connectionRefused: "cannot be reached: the connection was refused"
        case .connectionReset: "cannot be used: the connection was reset"
        case .timedOut(.connect): "cannot be reached: no connection within the time"
        case .timedOut: "does not answer"
        case .tls(let text): "cannot be trusted: \(text)"
        case .malformedResponse(let text): "gives an answer that is not HTTP: \(text)"
        case .bodyCutShort: "breaks its answer off"
        case .proxy(let text): "cannot be reached through the proxy: \(text)"
        case .stopped, .cancelled: "was not asked to the end"
        case .other(let text): "cannot be asked: \(text)"
        }
    }
}
