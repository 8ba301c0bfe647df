// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// Every way a result can fail, as `cat` and `getfattr` see it.
    @Suite struct Refusals {
        /// A fault, the errno it must become, and where its reason can be read.
        struct Row: Sendable, CustomTestStringConvertible {
            enum Place: Sendable { case file, directory }
            let fault: Fault
            let errno: Int32
            let place: Place
            /// The service's own message; nil where iesfs words it.
            let message: String?

            var testDescription: String { "\(fault) → \(errno)" }

            static func refused(_ status: Int, _ code: String, _ errno: Int32, _ place: Place = .file) -> Row {
                let message = "请求被拒绝：\(code) “\(status)” refused"
                return Row(
                    fault: .refusal(Refusal(status: status, code: code, message: message)), errno: errno,
                    place: place, message: message)
            }

            static func broken(_ fault: Fault, _ errno: Int32) -> Row {
                Row(fault: fault, errno: errno, place: .directory, message: nil)
            }
        }

        static let rows: [Row] = [
            .refused(400, "MSS.000000001", EIO),
            .refused(400, "MSS.000000002", EREMOTEIO),
            .refused(400, "MSS.000000003", EINVAL),
            .refused(400, "MSS.00000003", EINVAL),
            .refused(400, "MSS.10000003", EINVAL),
            .refused(400, "MSS.10001002", EINVAL),
            .refused(400, "MSS.000000004", EACCES),
            .refused(401, "MSS.00000001", EACCES),
            .refused(400, "MSS.00010008", EACCES),
            .refused(400, "MSS.00010009", EACCES),
            .refused(401, "APIGW.0301", EACCES),
            .refused(403, "APIGW.0302", EACCES),
            .refused(401, "APIG.0303", EACCES),
            .refused(403, "APIG.0304", EACCES),
            .refused(401, "APIG.0305", EACCES),
            .refused(403, "APIG.0306", EACCES),
            .refused(401, "APIG.0307", EACCES),
            .refused(401, "APIGW.0311", EACCES),
            .refused(403, "MSS.47010023", EACCES),
            .refused(400, "MSS.10001001", ENOENT, .directory),
            .refused(400, "MSS.10001004", ENOENT, .directory),
            .refused(404, "", ENOENT, .directory),
            .refused(404, "APIGW.0101", EREMOTEIO, .directory),
            .refused(404, "APIG.0103", EREMOTEIO, .directory),
            .refused(400, "MSS.00010003", EREMOTEIO),
            .refused(400, "MSS.45000001", EIO),
            .refused(400, "", EIO),
            .refused(429, "APIGW.0308", EBUSY, .directory),
            .refused(408, "", EREMOTEIO, .directory),
            .refused(500, "MSS.42000007", EREMOTEIO, .directory),
            .refused(502, "APIGW.0201", EREMOTEIO, .directory),
            .refused(503, "APIGW.0613", EREMOTEIO, .directory),
            .refused(504, "APIGW.0201", EREMOTEIO, .directory),
            .broken(.status(204), EIO),
            .broken(.status(304), EIO),
            .broken(.status(402), EIO),
            .broken(.status(405), EIO),
            .broken(.redirect(.nowhere), EIO),
            .broken(.silence, ETIMEDOUT),
            .broken(.reset, ECONNRESET),
            .broken(.contentLength("99999999999999999999"), EPROTO),
            .broken(.contentLength("-1"), EPROTO),
            .broken(.secondContentLength("5"), EPROTO),
            .broken(.noLength, EPROTO),
            .broken(.gzip, EPROTO),
            .broken(.contentRange("bytes 5-20/100"), EPROTO),
            .broken(.contentRangeChange(offset: 0, total: 5, unit: "bytes"), EIO),
        ]

        @Test func `each failure is its errno to cat and its reason in an attribute, until it succeeds`() async throws {
            let content = "the result at last\n"
            let tasks = Self.rows.indices.map { TaskID(number: 0x100 + $0) }
            let results = tasks.map { SimulatedResult($0, content: .text(content)) }
            try await SimulatedMount.with(results, options: ["timeout=2", "retries=1", "error_ttl=1"]) { mounted in
                for (row, task) in zip(Self.rows, tasks) {
                    mounted.service.inject(row.fault, for: task, on: .result, times: nil)
                    let refused = try await mounted.cat(task)
                    #expect(!refused.succeeded && refused.output.isEmpty, "\(row.testDescription)")
                    #expect(
                        refused.errors.hasSuffix(": \(String(cString: strerror(row.errno)))\n"),
                        "\(row.testDescription): \(refused.errors)")
                    let place = row.place == .file ? mounted.file(task) : mounted.project
                    let message = try await mounted.attribute("error_msg", of: place)
                    if let expected = row.message {
                        #expect(message == expected, "\(row.testDescription)")
                    } else {
                        #expect(message?.isEmpty == false, "\(row.testDescription)")
                    }
                    if row.place == .directory {
                        #expect(try await mounted.attribute("error_name", of: mounted.project) == task.rawValue)
                    }

                    mounted.service.clearFaults()
                    // Refused credentials are held back for a while, unless someone says that they are good.
                    try await mounted.mount.reload()
                    let done = try await eventually(within: 70) { try await mounted.cat(task).text == content }
                    #expect(done, "\(row.testDescription): never became readable")
                    #expect(try await mounted.attribute("error_msg", of: place) == nil, "\(row.testDescription)")
                }
            }
        }

        @Test func `tar of a refused task fails instead of archiving an empty file`() async throws {
            let task = TaskID(number: 1)
            try await SimulatedMount.with([SimulatedResult(task, state: .running)]) { mounted in
                let archive = try await shell("tar cf - -C \(mounted.project) \(task) | tar tf -; exit 0")
                let status = try await shell("tar cf /dev/null --exclude=x -C \(mounted.project) \(task) >&2")
                let piped = try await shell("tar cf - -C \(mounted.project) \(task) >\(mounted.workshop["t.tar"])")
                #expect(!piped.succeeded, "\(archive.text) \(status.errors)")
            }
        }

        @Test func `a task that finishes after its refusal is read without a remount`() async throws {
            let task = TaskID(number: 2)
            let result = SimulatedResult(task, content: .generated(seed: 5, size: 3_000_000), state: .running)
            try await SimulatedMount.with([result], options: ["error_ttl=1"]) { mounted in
                #expect(try await mounted.cat(task).code == 1)
                mounted.service.finish(task)
                let sum = try #require(result.content.sha256())
                let read = try await eventually(within: 10) {
                    try await shell("sha256sum <\(mounted.file(task))").text.hasPrefix(sum)
                }
                #expect(read)
                #expect(try await shell("stat -c %s \(mounted.file(task))").text == "3000000\n")
            }
        }

        /// Faults of a body under way, on a result of several blocks.
        static let bodies: [Fault] = [
            .chunked(.none), .chunked(.size), .chunked(.unfinished), .chunked(.trailer), .noLength,
            .cutBody(at: 0, .close), .cutBody(at: 1, .reset), .cutBody(at: 65_535, .close),
            .cutBody(at: 1_500_000, .reset), .secondContentLength("17"), .contentLength("18446744073709551617"),
            .contentRange("bytes 0-9/*"), .contentRangeChange(offset: 0, total: 1, unit: "bytes"),
            .contentRangeChange(offset: 0, total: 0, unit: "items"),
            .refusal(
                Refusal(status: 200, code: "MSS.000000001", message: "失败")), .gzip, .surplus(10), .ignoredRange,
        ]

        @Test(arguments: [Behaviour.Ranges.honoured, .ignored])
        func `a faulty body gives the right bytes or an errno, never a short file`(
            ranges: Behaviour.Ranges
        ) async throws {
            let content = SimulatedContent.generated(seed: 9, size: 2_500_000)
            let tasks = Self.bodies.indices.map { TaskID(number: 0x200 + $0) }
            var behaviour = Behaviour()
            behaviour.ranges = ranges
            let sum = try #require(content.sha256())
            try await SimulatedMount.with(
                tasks.map { SimulatedResult($0, content: content) },
                options: ["timeout=3", "retries=1", "error_ttl=1"],
                behaviour: behaviour
            ) { mounted in
                for (fault, task) in zip(Self.bodies, tasks) {
                    mounted.service.inject(fault, for: task, on: .result, times: nil)
                    for _ in 0..<2 {
                        let copy = mounted.workshop["copy"]
                        let result = try await shell("cp \(mounted.file(task)) \(copy) && sha256sum <\(copy)")
                        #expect(!result.succeeded || result.text.hasPrefix(sum), "\(fault): \(result.text)")
                    }
                    mounted.service.clearFaults()
                    let right = try await eventually(within: 10) {
                        try await shell("sha256sum <\(mounted.file(task))").text.hasPrefix(sum)
                    }
                    #expect(right, "\(fault): does not recover")
                }
            }
        }
    }
}
