// SPDX-License-Identifier: Apache-2.0

package import IESService
package import Logging

/// What `iesfs simulate` is told.
package struct SimulateConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0: a free one.
    package var port = 0
    /// A second port for signed links; 0: a free one; nil: none.
    package var linkPort: Int?
    /// Each of its files is a result; nil: sample results.
    package var dataDirectory: String?
    package var project = ProjectID.simulated
    package var accessKey = SimulatedAccount.accessKey
    package var secretKey = SimulatedAccount.secretKey
    package var token = SimulatedAccount.token
    /// Of the large sample.
    package var binarySize: Int64 = 1 << 30
    /// Lines as in `SimulatorHelp.switches`, `.results` and `.faults`.
    package var switches: [String] = []
    package var results: [String] = []
    package var faults: [String] = []

    package init() {}

    /// The service as configured. `SimulatedService.reset` comes back to these tasks and switches.
    package func makeService() throws(OrderError) -> SimulatedService {
        let service = SimulatedService(project: project, accessKey: accessKey, secretKey: secretKey, token: token)
        let given =
            if let dataDirectory { try DataDirectory.results(in: dataDirectory) } else {
                SampleResults.all(binarySize: binarySize)
            }
        for result in given { service.add(result) }
        for line in results { try service.setResult(line) }
        for line in switches { try service.setSwitches(line) }
        for line in faults { try service.injectFault(line) }
        service.markInitial()
        return service
    }

    /// Starts the service and its server.
    package func start(logger: Logger = Logger(label: "iesfs.simulator")) async throws -> RunningSimulator {
        let service = try makeService()
        let server = SimulatorServer(service: service, logger: logger)
        let port = try await server.start(host: host, port: port)
        var second: Int?
        if let linkPort { second = try await server.startLinkPort(host: host, port: linkPort) }
        return RunningSimulator(configuration: self, service: service, server: server, port: port, linkPort: second)
    }
}

/// A simulator that has been started.
package struct RunningSimulator: Sendable {
    package let configuration: SimulateConfiguration
    package let service: SimulatedService
    package let server: SimulatorServer
    package let port: Int
    package let linkPort: Int?

    package var endpoint: String {
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        return "http://\(host):\(port)"
    }

    package func stop() async { await server.stop() }

    /// What a person needs to use it: endpoint, project, credentials, tasks, and a first command.
    package var banner: String {
        let tasks = service.results().map { result in
            let size = result.state == .finished ? result.content.size.map { "\($0) bytes" } ?? "unreadable" : ""
            return "  \(result.task)  \(result.state.word)  \(size)  \(result.filename ?? result.name)"
        }
        return """
            endpoint    \(endpoint)
            project     \(service.project)
            token       \(configuration.token)
            access key  \(configuration.accessKey)
            secret key  \(configuration.secretKey)
            user        \(SimulatedAccount.user), password \(SimulatedAccount.password), domain \(SimulatedAccount.domain)

            tasks
            \(tasks.joined(separator: "\n"))

            mount it    IESFS_TOKEN=\(configuration.token) iesfs mount \(endpoint) /mnt/ies
            control it  curl \(endpoint)/_simulator/help

            """
    }
}
