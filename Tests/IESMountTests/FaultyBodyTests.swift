// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// Heads that lie, and bodies that are not what their head says.
    @Suite struct FaultyBodies {
        private static let lengths = [
            FaultRow("a length too small", .contentLength("100"), .failure(EPROTO), requests: 4),
            FaultRow("a length too large", .contentLength("70000"), .failure(EPROTO), requests: 4),
            FaultRow("a negative length", .contentLength("-1"), .failure(EPROTO), requests: 4),
            FaultRow("a length that is no number", .contentLength("many"), .failure(EPROTO), requests: 4),
            FaultRow("an empty length", .contentLength(""), .failure(EPROTO), requests: 4),
            FaultRow("a huge length", .contentLength("9223372036854775807"), .failure(EPROTO), requests: 4),
            FaultRow(
                "a length beyond 64 bits", .contentLength("99999999999999999999"), .failure(EPROTO), requests: 4),
            FaultRow("a second length", .secondContentLength("5"), .failure(EPROTO), requests: 4),
            FaultRow("no length and no chunks", .noLength, .failure(EPROTO), requests: 4),
            FaultRow("gzip regardless", .gzip, .failure(EPROTO), requests: 4),
            FaultRow("a head of 1 MiB", .largeHead(bytes: 1 << 20, oneLine: false), .failure(EPROTO), requests: 4),
            FaultRow(
                "a line of 1 MiB in the head", .largeHead(bytes: 1 << 20, oneLine: true), .failure(EPROTO), requests: 4),
        ]

        private static let ranges = [
            FaultRow(
                "a Content-Range of another place", .contentRangeChange(offset: 5, total: 0, unit: "bytes"),
                .failure(EIO), requests: 4),
            FaultRow(
                "a Content-Range that overlaps what came before",
                .contentRangeChange(offset: -10, total: 0, unit: "bytes"), isKnown: true, .failure(EIO), at: .file,
                requests: 8),
            FaultRow(
                "a Content-Range of another unit", .contentRangeChange(offset: 0, total: 0, unit: "items"),
                .failure(EPROTO), requests: 4),
            FaultRow("a Content-Range that is none", .contentRange("bytes 0-9/*"), .failure(EPROTO), requests: 4),
            FaultRow(
                "a Content-Range and a length that differ", .contentRange("bytes 5-20/100"), .failure(EPROTO),
                requests: 4),
            FaultRow(
                "a Content-Range beyond 64 bits", .contentRange("bytes 0-65535/99999999999999999999"),
                .failure(EPROTO), requests: 4),
        ]

        private static let cuts: [FaultRow] = [0, 1, 1_000, 65_535].flatMap { place in
            [
                FaultRow("closed after \(place) bytes", .cutBody(at: place, .close), times: 1, .bytes, requests: 10),
                FaultRow("reset after \(place) bytes", .cutBody(at: place, .reset), times: 1, .bytes, requests: 10),
            ]
        }

        private static let bodies = [
            FaultRow(
                "closed before the first byte, for ever", .cutBody(at: 0, .close), isKnown: true, .failure(EIO),
                at: .file,
                requests: 16),
            FaultRow(
                "reset before the first byte, for ever", .cutBody(at: 0, .reset), isKnown: true, .failure(ECONNRESET),
                at: .file, requests: 16),
            FaultRow("every body cut at byte 100,000", .cutBody(at: 100_000, .close), .bytes, requests: 40),
            FaultRow("a body longer than promised", .surplus(10), .bytes, requests: 24),
            FaultRow("chunked, as it may be", .chunked(.none), .bytes, requests: 8),
            FaultRow("a chunk whose size is none", .chunked(.size), .bytesOr(EPROTO), at: .file, requests: 16),
            FaultRow("chunks without an end", .chunked(.unfinished), .bytesOr(EIO), at: .file, requests: 16),
            FaultRow("chunks with a bad trailer", .chunked(.trailer), .bytesOr(EPROTO), at: .file, requests: 16),
        ]

        @Test func `a head that lies is refused, and a body that breaks off is taken up again`() async throws {
            try await FaultBench.run(Self.lengths + Self.ranges + Self.cuts + Self.bodies)
        }

        /// Without ranges the one body is all there is.
        @Test func `without ranges as well no fault gives a wrong or short file`() async throws {
            var behaviour = Behaviour()
            behaviour.ranges = .ignored
            try await FaultBench.run(
                [
                    FaultRow("206 to no range", .unaskedRange, .failure(EIO), requests: 2),
                    FaultRow("a huge length", .contentLength("99999999999999999999"), .failure(EPROTO), requests: 4),
                    FaultRow("a second length", .secondContentLength("17"), .failure(EPROTO), requests: 4),
                    FaultRow("no length and no chunks", .noLength, .failure(EPROTO), requests: 4),
                    FaultRow("gzip regardless", .gzip, .failure(EPROTO), requests: 4),
                    FaultRow("chunked, as it may be", .chunked(.none), .bytes, requests: 4),
                    FaultRow("chunks with a bad trailer", .chunked(.trailer), .failure(EPROTO), requests: 8),
                    FaultRow("chunks without an end", .chunked(.unfinished), .failure(EIO), requests: 8),
                    FaultRow("a chunk whose size is none", .chunked(.size), .failure(EPROTO), requests: 8),
                    FaultRow("closed in the middle", .cutBody(at: 1_234_567, .close), times: 1, .bytes, requests: 4),
                    FaultRow("reset in the middle", .cutBody(at: 1_234_567, .reset), times: 1, .bytes, requests: 4),
                    FaultRow(
                        "closed in the middle, for ever", .cutBody(at: 1_234_567, .close), .failure(EIO), at: .file,
                        requests: 16),
                ], behaviour: behaviour)
        }

        /// A byte a second is slow, not dead: `timeout` counts from the last byte.
        @Test func `one byte a second is waited for`() async throws {
            let task = TaskID(number: 1)
            let result = SimulatedResult(task, content: .text("12345678"))
            try await SimulatedMount.with([result], options: ["timeout=3"]) { mounted in
                mounted.service.inject(.bytesPerSecond(1), for: task, times: nil)
                let start = ContinuousClock.now
                let read = try await mounted.cat(task)
                #expect(read.text == "12345678", "\(read.errors)")
                #expect(ContinuousClock.now - start > .seconds(5))
                #expect(mounted.service.log.count(of: task) == 1)
            }
        }
    }
}
