// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import IESService
import IESTransport

/// The way to the service, step by step: name, connection, TLS, clock, and a request with credentials.
struct NetworkFindings: Sendable {
    let probe: ServiceProbe
    /// The credentials that were found are usable.
    let hasCredentials: Bool

    private var job: MountJob { probe.job }
    private var endpoint: Endpoint { job.endpoint }
    private var limit: Duration { probe.limit }

    func all() -> [Finding] {
        let proxy = ProxyChoice(option: job.options.proxy, endpoint: endpoint, environment: job.environment)
        var findings: [Finding] = [
            .ok(.network, "endpoint", endpoint.description),
            .note(.network, "proxy", proxy?.text ?? "none"),
        ]
        if let (file, origin) = job.authorities {
            findings.append(.note(.network, "authorities", "\(file), from \(origin)"))
        }
        // Behind a proxy it is the proxy that finds the endpoint.
        if proxy == nil || proxy?.exceptions != nil { findings += way(isNeeded: proxy == nil) }
        return findings + exchanges()
    }

    // MARK: - Name and connection

    private func way(isNeeded: Bool) -> [Finding] {
        let (host, port) = (endpoint.host, endpoint.port ?? (endpoint.isSecure ? 443 : 80))
        let addresses: [HostAddress]
        switch Bounded.run(within: limit, { HostAddress.all(of: host, port: port) }) {
        case .success(let found)?: addresses = found
        case .failure(let error)?:
            return [Self.lost("name", "\(host): \(error.text)", isNeeded, advice: Self.nameAdvice)]
        case nil:
            let seconds = limit.components.seconds
            return [Self.lost("name", "\(host): no answer within \(seconds) s", isNeeded, advice: Self.nameAdvice)]
        }
        let texts = addresses.map(\.text).joined(separator: ", ")
        let each = limit / max(1, addresses.count)
        let outcomes = addresses.map { ($0, $0.connect(within: each)) }
        return [.ok(.network, "name", "\(host) is \(texts)"), Self.connection(outcomes, isNeeded)]
    }

    private static let nameAdvice = "see whether SOURCE is spelt right, then /etc/resolv.conf and its name servers"

    static func connection(_ outcomes: [(HostAddress, Int32)], _ isNeeded: Bool = true) -> Finding {
        let dead = outcomes.filter { $0.1 != 0 }.map { "\($0.0.text): \(CurrentError.text(of: $0.1))" }
            .joined(separator: "; ")
        guard outcomes.contains(where: { $0.1 == 0 }) else {
            return lost(
                "connection", dead, isNeeded,
                advice:
                    "see whether a firewall, a route or a proxy is in the way (curl -v to the endpoint), or the port is wrong"
            )
        }
        guard !dead.isEmpty else { return .ok(.network, "connection", "made") }
        return .warning(
            .network, "connection", "some addresses do not answer: \(dead)",
            advice: "others do and are used; mend the route to these or take them out of the name service")
    }

    /// What only a machine without a proxy has to have.
    private static func lost(_ name: String, _ value: String, _ isNeeded: Bool, advice: String) -> Finding {
        isNeeded
            ? .failed(.network, name, value, advice: advice)
            : .note(.network, name, "\(value) (the proxy may know better)")
    }

    // MARK: - Exchanges

    private func exchanges() -> [Finding] {
        let findings = greeting()
        guard !findings.contains(where: { $0.verdict == .failed && $0.name != "clock" }) else {
            return findings + [.note(.network, "request", "not made, for the reason above")]
        }
        guard hasCredentials else {
            return findings + [.note(.network, "request", "not made: there are no usable credentials")]
        }
        if let project = probe.namedProject { return findings + request(for: project) }
        do throws(IdentityClient.Failure) {
            guard let project = try probe.projectOfRegion() else { return findings + [Self.withoutProject] }
            return findings + [.ok(.network, "project", "\(project), which IAM names for \(job.source)")]
                + request(for: project)
        } catch {
            return findings + [
                .warning(.network, "project", error.description, advice: "name one with -o projects=PROJECT_ID"),
                Self.withoutProject,
            ]
        }
    }

    private static let withoutProject = Finding.note(
        .network, "request", "not made: no project is known", advice: "name one with -o projects=PROJECT_ID")

    private func greeting() -> [Finding] {
        let endpoint = endpoint
        let name = endpoint.isSecure ? "TLS" : "answer"
        do throws(TransportError) {
            let greeting = try Blocking.run { [probe] () throws(TransportError) in
                try await EndpointGreeting.ask(endpoint, over: probe.transport, settings: probe.settings)
            }
            let trust = endpoint.isSecure ? "the certificate is trusted; " : "plain http, which is not encrypted; "
            return [
                .ok(.network, name, trust + "HTTP status \(greeting.status)"),
                ClockFinding.judge(server: greeting.date, own: Date()),
            ]
        } catch {
            let clause = EndpointCheck.clause(.transport(error), limit: limit)
            return [.failed(.network, name, "the endpoint \(clause)", advice: Self.advice(for: error))]
        }
    }

    static func advice(for error: TransportError) -> String {
        switch error {
        case .tls:
            "trust its authority with -o cacert=FILE (PEM); see that the name in SOURCE is the certificate's, the clock right"
        case .proxy: "see that the proxy allows this host and port, or name another with -o proxy=URL"
        case .nameNotResolved: nameAdvice
        case .malformedResponse: "something else than the service answers there: see host and port of SOURCE"
        default: "see whether a firewall or proxy is in the way (curl -v to the endpoint), and try again"
        }
    }

    private func request(for project: ProjectID) -> [Finding] {
        let (client, limit) = (probe.client, limit)
        let start = ContinuousClock.now
        do throws(ServiceFailure) {
            try Blocking.run { () throws(ServiceFailure) in
                try await client.check(project: project, deadline: .now + limit)
            }
            let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
            return [
                .ok(.network, "request", "the credentials are accepted (\(milliseconds) ms)"),
                .ok(.network, "asked with", client.credentialSource(of: project)),
            ]
        } catch {
            return [
                .failed(
                    .network, "request",
                    "the endpoint \(client.endpoint(of: project)) \(EndpointCheck.clause(error, limit: limit))",
                    advice: Self.advice(for: error))
            ]
        }
    }

    private static func advice(for failure: ServiceFailure) -> String {
        switch failure {
        case .refused:
            "see whether key or token are those of this project and region, still valid, and allowed to use MetaStudio"
        case .transport(let error): advice(for: error)
        case .credentials: "see the line credentials"
        case .malformed, .contradiction: "something else than the service answers there: see host and port of SOURCE"
        case .deadline: "the service is slow or away: try again later"
        }
    }
}
