// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite(.timeLimit(.minutes(2))) struct RequestLogTests {
    let task = TaskID("abc")
    let other = TaskID("other")

    @Test func `bytes are counted for each result, and only those really sent`() async throws {
        let results = [
            SimulatedResult(task, content: .generated(seed: 1, size: 100_000)),
            SimulatedResult(other, content: .generated(seed: 2, size: 50_000)),
        ]
        try await Simulator.with(results) { simulator in
            let log = simulator.service.log
            _ = try await simulator.curl(simulator.url(task))
            _ = try await simulator.curl("-r", "10-19", simulator.url(task))
            _ = try await simulator.curl(simulator.url(other))
            _ = try await simulator.curl(simulator.list)
            _ = try await simulator.curl(simulator.url(TaskID("nobody")))
            try simulator.service.injectFault("id=abc fault=cut:123")
            _ = try await simulator.curl(simulator.url(task))
            try await log.wait(for: .ended(6))
            #expect(log.bytesSent(of: task) == 100_000 + 10 + 123)
            #expect(log.bytesSent(of: other) == 50_000)
            #expect(log.bytesSent == 150_133)
            #expect(log.count == 6)
            #expect(log.count(of: task) == 3)
            #expect(log.entries(of: task).map(\.range) == [nil, "bytes=10-19", nil])
            #expect(log.entries(of: task).map(\.status) == [200, 206, 200])
            #expect(log.entries(of: task).map(\.ending) == [.complete, .complete, .cut])
            #expect(log.entries.map(\.operation) == ["result", "result", "result", "list", "result", "result"])
            log.reset()
            #expect(log.count == 0)
            #expect(log.bytesSent == 0)
        }
    }

    @Test func `chunk framing is not counted as body`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .generated(seed: 1, size: 1_000_000))]) { simulator in
            simulator.service.change { $0.framing = .chunked }
            _ = try await simulator.curl(simulator.url(task))
            try await simulator.service.log.wait(for: .ended(1))
            #expect(simulator.service.log.bytesSent(of: task) == 1_000_000)
        }
    }

    @Test func `a client that leaves early is noticed, and what it did not get is not counted`() async throws {
        let size: Int64 = 8 << 30
        try await Simulator.with([SimulatedResult(task, content: .generated(seed: 1, size: size))]) { simulator in
            let run = try await Command.run(
                "sh", "-c", "curl -s -H '\(Simulator.tokenField)' \(simulator.url(task)) | head -c 1000 | wc -c")
            #expect(run.text.contains("1000"))
            try await simulator.service.log.wait(for: .ended(1))
            #expect(simulator.service.log.entries[0].ending == .abandoned)
            #expect(simulator.service.log.bytesSent(of: task) < 64 << 20)
        }
    }

    @Test func `a call can be waited for, and those open are counted`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("0123456789"))]) { simulator in
            let log = simulator.service.log
            simulator.service.inject(.silence, for: task, times: nil)
            let calls = (0..<3).map { _ in
                Task {
                    try await Command.run("curl", "-s", "-m", "20", "-H", Simulator.tokenField, simulator.url(task))
                }
            }
            try await log.wait(for: .arrived(3, task: task))
            #expect(log.openCount == 3)
            await simulator.server.resetConnections()
            for call in calls { #expect((try? await call.value)?.status != 0) }
            try await log.wait(for: .open(0))
            #expect(log.highestOpenCount == 3)
            #expect(log.connectionCount == 3)
        }
    }

    @Test func `a wait ends when its task is cancelled`() async {
        let log = SimulatedService().log
        let waiting = Task { try await log.wait(for: .arrived(1)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func `no secret is in the log`() async throws {
        let canary = "canary"
        try await Simulator.with([SimulatedResult(task, content: .text("x"))]) { simulator in
            simulator.service.addKey("AK\(canary)", secret: "SK\(canary)", securityToken: "ST\(canary)")
            simulator.service.addToken("T\(canary)")
            simulator.service.change { $0.redirects = .sameAuthority }
            let url = simulator.url(task)
            let signed = try await PythonSigner.sign(
                url, access: "AK\(canary)", secret: "SK\(canary)",
                fields: ["X-Project-Id": Simulator.project, "X-Security-Token": "ST\(canary)"])
            _ = try await Command.run(["curl", "-sL"] + signed + [url])
            _ = try await Command.run("curl", "-s", "-H", "X-Auth-Token: T\(canary)", url)
            _ = try await Command.run("curl", "-s", "-H", "Authorization: Bearer \(canary)", url)
            _ = try await Command.run("curl", "-s", "-H", "Cookie: \(canary)", url)
            let text = try await Command.run("curl", "-s", "\(simulator.control)/log").text
            #expect(text.contains("SignedHeaders=host;x-project-id;x-sdk-date;x-security-token"))
            #expect(!text.contains(canary))
            let link = try #require(simulator.service.log.entries.first { $0.operation == "link" })
            #expect(link.path.hasSuffix("&signature=<redacted>"))
        }
    }
}
