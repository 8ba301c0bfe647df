// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

/// A service with a server on loopback, for the length of one test.
struct Simulator: Sendable {
    static let project = ProjectID.simulated.rawValue
    static let tokenField = "X-Auth-Token: \(SimulatedAccount.token)"

    let service: SimulatedService
    let server: SimulatorServer
    let port: Int

    static func with(
        _ results: [SimulatedResult] = [], now: @escaping @Sendable () -> Date = { Date() },
        _ body: (Simulator) async throws -> Void
    ) async throws {
        let service = SimulatedService(now: now)
        for result in results { service.add(result) }
        let server = SimulatorServer(service: service)
        let port = try await server.start()
        let simulator = Simulator(service: service, server: server, port: port)
        do {
            try await body(simulator)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    var origin: String { "http://127.0.0.1:\(port)" }

    func path(_ task: TaskID) -> String { "/v2/\(Self.project)/ies/result/\(task)" }
    func url(_ task: TaskID) -> String { origin + path(task) }
    var list: String { "\(origin)/v2/\(Self.project)/ies/task" }
    var control: String { "\(origin)/_simulator" }

    /// Runs curl with the token, silently.
    func curl(_ arguments: String...) async throws -> Command {
        try await Command.run(["curl", "-s", "-H", Self.tokenField] + arguments)
    }

    /// Status and body, as curl reports them.
    func status(_ arguments: String...) async throws -> (status: Int, body: String) {
        let run = try await Command.run(
            ["curl", "-s", "-H", Self.tokenField, "-w", "\n%{http_code}"] + arguments)
        let text = run.text
        let code = text.suffix(3)
        return (Int(code) ?? 0, String(text.dropLast(4)))
    }
}

extension TaskID {
    /// For literals of the tests.
    init(_ literal: String) {
        guard let task = TaskID(rawValue: literal) else { preconditionFailure("\(literal) is not an id") }
        self = task
    }
}

/// A member of a JSON object, as Foundation reads it.
func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}
