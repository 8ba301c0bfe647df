// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// The service answers, but not with what was asked for.
    @Suite struct FaultyAnswers {
        private static let passing = [500, 502, 503, 504].flatMap { status in
            [
                FaultRow("\(status) once", .status(status), times: 1, .bytes, requests: 8),
                FaultRow("\(status) for ever", .status(status), .failure(EREMOTEIO), status: status, requests: 4),
            ]
        }

        private static let odd = [
            FaultRow("204", .status(204), .failure(EIO), status: 204, requests: 2),
            FaultRow("304 unasked", .status(304), .failure(EIO), status: 304, requests: 2),
            FaultRow(
                "304 unasked to a part", .status(304), isKnown: true, .failure(EIO), at: .file, status: 304, requests: 4
            ),
            FaultRow("416", .status(416), .failure(EIO), requests: 2),
            FaultRow("200 to a range", .ignoredRange, times: 1, .bytes, requests: 8),
            FaultRow("206 of another range", .unaskedRange, .failure(EIO), requests: 2),
            FaultRow(
                "an error's JSON with 200", .refusal(Refusal(status: 200, code: "MSS.000000001", message: "失败")),
                .failure(EIO), at: .file, status: 200, code: "MSS.000000001", requests: 2),
            FaultRow(
                "HTML with 400", .refusal(Refusal(status: 400, code: "", message: "nginx", shape: .html)),
                .failure(EIO), at: .file, status: 400, requests: 2),
        ]

        private static let throttled = [
            FaultRow("429 with seconds", .throttled(status: 429, .seconds(1)), times: 1, .bytes, requests: 8),
            FaultRow("429 with a date", .throttled(status: 429, .date(.seconds(1))), times: 1, .bytes, requests: 8),
            FaultRow("429 with none", .throttled(status: 429, .none), times: 1, .bytes, requests: 8),
            FaultRow("429 with nonsense", .throttled(status: 429, .text("soon")), times: 1, .bytes, requests: 8),
            FaultRow("503 with seconds", .throttled(status: 503, .seconds(1)), times: 1, .bytes, requests: 8),
            FaultRow(
                "429 for ever", .throttled(status: 429, .none), .failure(EBUSY), status: 429, code: "APIG.0308",
                requests: 4),
        ]

        private static let unauthenticated = [
            FaultRow(
                "401 once", .refusal(Refusal(status: 401, code: "APIG.0301", message: "no")), times: 1,
                .failure(EACCES), at: .file, status: 401, code: "APIG.0301", requests: 2),
            FaultRow(
                "401 for ever", .refusal(Refusal(status: 401, code: "APIG.0301", message: "no")), .failure(EACCES),
                at: .file, status: 401, code: "APIG.0301", requests: 2),
        ]

        private static let redirects = [
            FaultRow("a redirect in a loop", .redirect(.loop), .failure(EIO), status: 302, requests: 6),
            FaultRow("a redirect without Location", .redirect(.nowhere), .failure(EIO), status: 302, requests: 2),
            FaultRow(
                "a redirect to what is no address", .redirect(.to("http://[::not an address")), .failure(EIO),
                status: 302,
                requests: 2),
            FaultRow(
                "a redirect to a link that has expired", .redirect(.expiredLink), .failure(EACCES), at: .file,
                status: 403,
                requests: 4),
        ]

        private static let messages = [
            FaultRow(
                "a message of 10 MiB",
                .refusal(Refusal(code: "MSS.000000003", message: String(repeating: "很长", count: (10 << 20) / 6))),
                .failure(EINVAL), at: .file, status: 400, code: "MSS.000000003", requests: 2),
            FaultRow(
                "a message with NUL", .refusal(Refusal(code: "MSS.000000003", message: "before\0after")),
                .failure(EINVAL), at: .file, status: 400, code: "MSS.000000003", requests: 2),
            FaultRow(
                "a message with invalid UTF-8",
                .refusal(
                    Refusal(
                        status: 400, code: "MSS.000000003", messageBytes: Array("before".utf8) + [0xFF, 0xC3, 0x28])),
                .failure(EINVAL), at: .file, status: 400, code: "MSS.000000003", requests: 2),
        ]

        @Test func `an answer that is none is its errno and its reason, or is tried again`() async throws {
            try await FaultBench.run(
                Self.odd + Self.passing + Self.throttled + Self.unauthenticated + Self.redirects + Self.messages)
        }

        @Test func `a pause beyond the deadline is EBUSY at once, and nothing is asked meanwhile`() async throws {
            let task = TaskID(number: 1)
            try await SimulatedMount.with([SimulatedResult(task, content: .text("later"))], options: ["timeout=4"]) {
                mounted in
                mounted.service.inject(.throttled(status: 429, .seconds(3_600)), for: task, times: nil)
                let start = ContinuousClock.now
                let read = try await mounted.cat(task)
                #expect(read.errors.hasSuffix(": \(FaultBench.words(EBUSY))\n"), "\(read.errors)")
                #expect(ContinuousClock.now - start < .seconds(4))
                #expect(mounted.service.log.count(of: task) <= 2)
                #expect(try await mounted.attribute("errno", of: mounted.project) == "EBUSY")
            }
        }

        /// facts/ies-api.md: a message may hold anything; an attribute holds at most 64 KiB (xattr(7)).
        @Test func `what a message holds cannot harm the attribute`() async throws {
            let tasks = (1...2).map { TaskID(number: $0) }
            try await SimulatedMount.with(tasks.map { SimulatedResult($0) }) { mounted in
                mounted.service.inject(
                    .refusal(Refusal(code: "MSS.000000003", message: "before\0\u{1b}[2Jafter")), for: tasks[0],
                    times: nil)
                mounted.service.inject(
                    .refusal(Refusal(code: "MSS.000000003", message: String(repeating: "long ", count: 2 << 20))),
                    for: tasks[1], times: nil)
                for task in tasks { #expect(try await mounted.cat(task).code == 1) }
                let plain = try #require(await mounted.attribute("error_msg", of: mounted.file(tasks[0])))
                #expect(plain.hasPrefix("before") && plain.hasSuffix("after"))
                #expect(plain.utf8.allSatisfy { $0 >= 0x20 })
                let long = try #require(await mounted.attribute("error_msg", of: mounted.file(tasks[1])))
                #expect((1000...65_536).contains(long.utf8.count))
            }
        }
    }
}
