// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// Connections that end or fall silent, in each phase of an exchange.
    @Suite struct FaultyConnections {
        private static let ended: [FaultRow] = [
            ("reset before the head", .reset), ("reset in the head", .cutHead(at: 20, .reset)),
            ("closed before the head", .close), ("closed in the head", .cutHead(at: 40, .close)),
        ].flatMap { (name: String, fault: Fault) in
            [
                FaultRow(name, fault, times: 1, .bytes, requests: 8),
                FaultRow("\(name), for ever", fault, .failure(ECONNRESET), requests: 4),
            ]
        }

        private static let silent = [
            FaultRow("silence before the head", .silence, .failure(ETIMEDOUT), requests: 2),
            FaultRow("silence in the head", .cutHead(at: 30, .silence), .failure(ETIMEDOUT), requests: 2),
            FaultRow(
                "silence after the head", .cutBody(at: 0, .silence), isKnown: true, .failure(ETIMEDOUT), at: .file,
                requests: 8),
            FaultRow(
                "silence in the body", .cutBody(at: 1_000, .silence), isKnown: true, .failure(ETIMEDOUT), at: .file,
                requests: 8),
            FaultRow(
                "silence once in a body", .cutBody(at: 100_000, .silence), times: 1, .bytesOr(ETIMEDOUT), at: .file,
                requests: 10),
            FaultRow(
                "no HTTP at all", .raw(Array("220 mail.example ESMTP\r\n".utf8)), .failure(EPROTO), requests: 4),
            FaultRow("a latency below the deadline", .latency(.seconds(1)), times: 2, .bytes, requests: 8),
        ]

        @Test func `a connection that ends is made again, and one that falls silent is given up in time`() async throws
        {
            try await FaultBench.run(Self.ended + Self.silent)
        }

        /// Many readers at once, each of whom meets one cut, at a place of its own.
        @Test func `answers cut at any byte, of head or body, are taken up again`() async throws {
            let heads = stride(from: 1, through: 300, by: 13).map {
                Fault.cutHead(at: $0, $0 % 2 == 0 ? .close : .reset)
            }
            let bodies = (0..<64).map { Fault.cutBody(at: Int64($0), $0 % 2 == 0 ? .reset : .close) }
            let content = SimulatedContent.generated(seed: 6, size: 64)
            let tasks = (heads + bodies).indices.map { TaskID(number: 0x900 + $0) }
            try await SimulatedMount.with(tasks.map { SimulatedResult($0, content: content) }) { mounted in
                for (fault, task) in zip(heads + bodies, tasks) {
                    mounted.service.inject(fault, for: task, on: .result)
                }
                let names = tasks.map { mounted.file($0) }.joined(separator: "\n")
                try write((names + "\n").utf8, to: mounted.workshop["names"])
                let sums = try await shell("xargs -P 8 -n 1 sha256sum <\(mounted.workshop["names"])", within: 120)
                #expect(sums.succeeded, "\(sums.errors)")
                let sum = try #require(content.sha256())
                #expect(sums.lines.count == tasks.count && sums.lines.allSatisfy { $0.hasPrefix(sum) })
                #expect(mounted.service.faults.isEmpty, "every fault has struck")
                #expect(mounted.service.log.count <= 3 * tasks.count, "\(mounted.service.log.count) requests")
            }
        }

        /// With IES_LONG as in the requirement: a minute, with two to wait.
        @Test func `a copy goes on after the service was away in the middle of it`() async throws {
            let (away, timeout) = isLongRun ? (60, 120) : (10, 30)
            let task = TaskID(number: 1)
            let content = SimulatedContent.generated(seed: 4, size: 32 << 20)
            try await SimulatedMount.with(
                [SimulatedResult(task, content: content)], options: ["timeout=\(timeout)", "read_ahead=4M"]
            ) { mounted in
                mounted.service.change { $0.bytesPerSecond = 2 << 20 }
                let copy = mounted.workshop["copy"]
                async let copied = shell("cp \(mounted.file(task)) \(copy) && sha256sum <\(copy)", within: 300)
                try await mounted.service.log.wait(for: .sent(4 << 20, task: task))
                await mounted.server.suspend()
                let requests = mounted.service.log.count
                try await Task.sleep(for: .seconds(away))
                try await mounted.server.resume()
                mounted.service.change { $0.bytesPerSecond = nil }
                let result = try await copied
                #expect(result.text.hasPrefix(try #require(content.sha256())), "\(result.errors)")
                #expect(mounted.service.log.count - requests < 60, "as many requests as a download needs, and no storm")
            }
        }

        @Test func `a service that is away for good ends a copy by its deadline`() async throws {
            let task = TaskID(number: 1)
            let content = SimulatedContent.generated(seed: 4, size: 32 << 20)
            try await SimulatedMount.with(
                [SimulatedResult(task, content: content)], options: ["timeout=5", "read_ahead=4M"]
            ) { mounted in
                mounted.service.change { $0.bytesPerSecond = 2 << 20 }
                async let copied = shell("exec cp \(mounted.file(task)) /dev/null", within: 100)
                try await mounted.service.log.wait(for: .sent(4 << 20, task: task))
                await mounted.server.suspend()
                let start = ContinuousClock.now
                #expect(try await !copied.succeeded)
                #expect(ContinuousClock.now - start < .seconds(15))
                let symbol = try await mounted.attribute("errno", of: mounted.file(task))
                #expect(
                    symbol == "ECONNREFUSED" || symbol == "ECONNRESET" || symbol == "ETIMEDOUT", "\(symbol ?? "none")")
                try await mounted.server.resume()
                let isBack = try await eventually(within: 20) {
                    try await shell("exec tail -c 1000 \(mounted.file(task))").output.count == 1000
                }
                #expect(isBack)
            }
        }
    }
}
