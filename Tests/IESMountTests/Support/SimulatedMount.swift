// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

/// The simulated service in this process, and a mount of it made by `iesfs` as its child.
struct SimulatedMount: Sendable {
    let service: SimulatedService
    let server: SimulatorServer
    let url: String
    let workshop: Workshop
    let mount: MountedResults

    /// The directory of the one project.
    var project: String { mount.path(service.project.rawValue) }

    func file(_ task: TaskID) -> String { "\(project)/\(task)" }

    /// The message an attribute of `path` holds, byte for byte; nil where there is none.
    func attribute(_ name: String, of path: String) async throws -> String? {
        let result = try await shell("getfattr --absolute-names -n user.ies.\(name) --only-values \(quoted(path))")
        return result.succeeded ? result.text : nil
    }

    /// What `cat` of the file answers, in C's words for errno.
    func cat(_ task: TaskID, within seconds: Int = 30) async throws -> ShellResult {
        try await shell("exec cat \(quoted(file(task)))", within: seconds, environment: ["LC_ALL": "C"])
    }

    /// Mounts a simulator that holds `results`, runs `body`, unmounts and cleans up, whatever happens.
    static func with(
        _ results: [SimulatedResult] = [], options: [String] = [], environment: [String: String]? = nil,
        behaviour: Behaviour = Behaviour(), unmountsItself: Bool = false, port: Int = 0,
        prepare: (SimulatedService) -> Void = { _ in },
        body: (SimulatedMount) async throws -> Void
    ) async throws {
        let service = SimulatedService()
        service.behaviour = behaviour
        for result in results { service.add(result) }
        prepare(service)
        let server = SimulatorServer(service: service)
        let url = "http://127.0.0.1:\(try await server.start(port: port))"
        let workshop = try Workshop()
        try await shell("mkdir \(workshop["mnt"])")
        let mount = MountedResults(point: workshop["mnt"], cache: workshop["cache"])
        do {
            _ = try await MountedResults.mount(
                url, at: mount.point, cache: mount.cache, options: options,
                environment: environment ?? ["IESFS_TOKEN": SimulatedAccount.token])
            try await body(
                SimulatedMount(service: service, server: server, url: url, workshop: workshop, mount: mount))
            if !unmountsItself { try await mount.unmount() }
        } catch {
            try await mount.discard()
            await server.stop()
            throw error
        }
        try await mount.discard()
        await server.stop()
        try await workshop.remove()
    }
}

extension TaskID {
    /// A well-formed id made from a number, for tests.
    init(number: Int) {
        let digits = String(number, radix: 16)
        guard let id = TaskID(rawValue: String(repeating: "0", count: 32 - digits.count) + digits) else {
            preconditionFailure("32 hexadecimal digits are an id")
        }
        self = id
    }
}
