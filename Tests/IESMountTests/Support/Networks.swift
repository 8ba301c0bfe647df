// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

/// A simulator and a workshop for tests that put something between it and the mount.
struct Network: Sendable {
    static let task = TaskID(number: 1)
    static let content = SimulatedContent.generated(seed: 77, size: 3_000_000)
    /// None of the variables for proxies and certificates, whatever this machine has.
    static let plainEnvironment = [
        "IESFS_TOKEN": SimulatedAccount.token, "http_proxy": "", "https_proxy": "", "all_proxy": "", "no_proxy": "",
        "HTTP_PROXY": "", "HTTPS_PROXY": "", "ALL_PROXY": "", "NO_PROXY": "", "SSL_CERT_FILE": "", "LC_ALL": "C",
    ]

    let service: SimulatedService
    let server: SimulatorServer
    let port: Int
    let workshop: Workshop

    /// - Parameter host: Where the simulator listens.
    static func with(
        host: String = "127.0.0.1", port: Int = 0, _ body: (Network) async throws -> Void
    ) async throws {
        let service = SimulatedService()
        service.add(SimulatedResult(task, content: content))
        let server = SimulatorServer(service: service)
        let port = try await server.start(host: host, port: port)
        let workshop = try Workshop()
        try await shell("mkdir \(workshop["mnt"])")
        do {
            try await body(Network(service: service, server: server, port: port, workshop: workshop))
        } catch {
            try await MountedResults(point: workshop["mnt"], cache: workshop["cache"]).discard()
            await server.stop()
            throw error
        }
        await server.stop()
        try await workshop.remove()
    }

    /// Mounts `source`, copies the one result, and unmounts.
    ///
    /// - Returns: What the copy came to, and the reason that can be read for it.
    func copy(
        from source: String, options: [String] = [], environment: [String: String] = [:]
    ) async throws -> (copy: ShellResult, reason: String) {
        // A second copy of one test comes over the network as well.
        try await shell("rm -rf \(workshop["cache"])")
        let mount = try await MountedResults.mount(
            source, at: workshop["mnt"], cache: workshop["cache"],
            options: ["check=none", "timeout=3", "retries=1"] + options,
            environment: Self.plainEnvironment.merging(environment) { $1 })
        let project = mount.path(service.project.rawValue)
        let copy = try await shell(
            "cp \(project)/\(Self.task) \(workshop["copy"]) && sha256sum <\(workshop["copy"])",
            environment: ["LC_ALL": "C"])
        let reason = try await shell(
            """
            for place in \(project)/\(Self.task) \(project); do
                getfattr --absolute-names -n user.ies.error_msg --only-values $place 2>/dev/null && break
            done
            """)
        try await mount.unmount()
        return (copy, reason.text)
    }

    func expectBytes(
        from source: String, options: [String] = [], environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (copy, reason) = try await copy(from: source, options: options, environment: environment)
        let sum = try #require(Self.content.sha256())
        #expect(copy.text.hasPrefix(sum), "\(copy.errors)\(reason)", sourceLocation: sourceLocation)
    }

    func expect(
        _ errno: Int32, from source: String, options: [String] = [], environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (copy, reason) = try await copy(from: source, options: options, environment: environment)
        let words = FaultBench.words(errno)
        #expect(copy.errors.hasSuffix(": \(words)\n"), "\(copy.errors)\(reason)", sourceLocation: sourceLocation)
        #expect(!reason.isEmpty, sourceLocation: sourceLocation)
        #expect(!reason.contains(SimulatedAccount.token), sourceLocation: sourceLocation)
    }

    /// The names of the fields of each request for a signed link.
    var fieldsOfLinks: [[String]] {
        service.log.entries.filter { $0.operation == Operation.link.rawValue }
            .map { $0.fields.map { $0.name.lowercased() } }
    }

    static let secretFields = ["authorization", "x-auth-token", "x-security-token"]
}
