// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite(.timeLimit(.minutes(2))) struct ResultTests {
    let task = TaskID("abc")

    /// The generator as its description has it, written in Python.
    private static let generator = """
        import sys
        seed, first, last = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
        mask = (1 << 64) - 1
        def mix(v):
            v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9 & mask
            v = (v ^ v >> 27) * 0x94D049BB133111EB & mask
            return v ^ v >> 31
        state, pattern = 0x1E5F5000, bytearray()
        while len(pattern) < (1 << 20) + 65536:
            state = state + 0x9E3779B97F4A7C15 & mask
            pattern += mix(state).to_bytes(8, 'little')
        def block(n):
            m = mix(seed + n * 0x9E3779B97F4A7C15 & mask)
            at = m % (1 << 20)
            return n.to_bytes(8, 'little') + m.to_bytes(8, 'little') + pattern[at:at + 65520]
        low = first // 65536
        data = b''.join(block(n) for n in range(low, (last - 1) // 65536 + 1))
        sys.stdout.buffer.write(data[first - low * 65536:last - low * 65536])
        """

    @Test(arguments: [
        "0-199999", "65530-65560", "1000000-1000000", "4294967290-4295100000",
    ])
    func `generated content is what its description says, at any offset`(range: String) async throws {
        let ends = range.split(separator: "-").compactMap { Int64($0) }
        let result = SimulatedResult(task, content: .generated(seed: 99, size: 5 << 30))
        try await Simulator.with([result]) { simulator in
            let served = try await simulator.curl("-r", range, simulator.url(task))
            let expected = try await Command.python(Self.generator, "99", "\(ends[0])", "\(ends[1] + 1)")
            #expect(served.output.count == Int(ends[1] - ends[0] + 1))
            #expect(served.output == expected.output)
            #expect(result.content.bytes(in: ends[0]..<ends[1] + 1) == served.output)
        }
    }

    @Test func `a checksum told is the checksum of what is served`() async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("data", (0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let contents: [SimulatedContent] = [
            .generated(seed: 3, size: 10_000_019), .bytes(Array(repeating: 7, count: 1_000_000)), .file(path: path),
        ]
        for content in contents {
            try await Simulator.with([SimulatedResult(task, content: content)]) { simulator in
                let served = try await simulator.curl("-o", folder["out"], simulator.url(task))
                #expect(served.status == 0)
                let sum = try await Command.run("sha256sum", folder["out"])
                #expect(content.sha256() == String(sum.text.prefix(64)))
                #expect(simulator.service.log.bytesSent(of: task) == content.size)
            }
        }
    }

    @Test(
        arguments: [
            ("0-3", 206, "0123", "bytes 0-3/10"), ("8-", 206, "89", "bytes 8-9/10"), ("-3", 206, "789", "bytes 7-9/10"),
            ("5-99", 206, "56789", "bytes 5-9/10"), ("10-", 416, nil, "bytes */10"), ("3-2", 200, "0123456789", nil),
            ("0-1,4-5", 200, "0123456789", nil), ("9-9223372036854775807", 206, "9", "bytes 9-9/10"),
        ] as [(String, Int, String?, String?)])
    func `ranges are answered as RFC 9110 says`(
        range: String, status: Int, body: String?, contentRange: String?
    ) async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("0123456789"))]) { simulator in
            let run = try await simulator.curl("-i", "-H", "Range: bytes=\(range)", simulator.url(task))
            let parts = run.text.components(separatedBy: "\r\n\r\n")
            #expect(parts[0].hasPrefix("HTTP/1.1 \(status) "))
            if let body { #expect(parts[1] == body) }
            let line = parts[0].components(separatedBy: "\r\n").first { $0.hasPrefix("Content-Range: ") }
            #expect(line == contentRange.map { "Content-Range: \($0)" })
        }
    }

    @Test func `an empty result has no satisfiable range`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .bytes([]))]) { simulator in
            let run = try await simulator.curl("-i", "-r", "0-65535", simulator.url(task))
            #expect(run.text.hasPrefix("HTTP/1.1 416 "))
            #expect(run.text.contains("\r\nContent-Range: bytes */0\r\n"))
        }
    }

    @Test func `a replaced content has a new tag, and If-Range notices`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("0123456789"))]) { simulator in
            func get(_ fields: String...) async throws -> (status: Int, body: String) {
                let arguments = fields.flatMap { ["-H", $0] } + [simulator.url(task)]
                let run = try await Command.run(
                    ["curl", "-s", "-H", Simulator.tokenField, "-w", "\n%{http_code}"] + arguments)
                return (Int(run.text.suffix(3)) ?? 0, String(run.text.dropLast(4)))
            }
            let tag = try #require(simulator.service.result(task)?.etag)
            let same = try await get("Range: bytes=2-3", "If-Range: \(tag)")
            #expect(same == (206, "23"))
            let unchanged = try await get("If-None-Match: \(tag)")
            #expect(unchanged.status == 304)
            simulator.service.replace(task, with: .text("abcdefghij"))
            #expect(simulator.service.result(task)?.etag != tag)
            let other = try await get("Range: bytes=2-3", "If-Range: \(tag)")
            #expect(other == (200, "abcdefghij"))
            let changed = try await get("If-None-Match: \(tag)")
            #expect(changed.status == 200)
            try simulator.service.setSwitches("if-range=ignored")
            let careless = try await get("Range: bytes=2-3", "If-Range: \(tag)")
            #expect(careless == (206, "cd"))
            try simulator.service.setSwitches("ranges=ignored")
            let whole = try await get("Range: bytes=2-3")
            #expect(whole == (200, "abcdefghij"))
        }
    }

    @Test func `the same content put again still is another version`() async throws {
        let service = SimulatedService()
        service.add(SimulatedResult(task, content: .text("same")))
        let before = service.result(task)?.etag
        service.replace(task, with: .text("same"))
        #expect(service.result(task)?.etag != before)
    }

    @Test(arguments: [Behaviour.Framing.chunked, .untilClose])
    func `a body without length is whole`(framing: Behaviour.Framing) async throws {
        let content = SimulatedContent.generated(seed: 5, size: 3_000_001)
        try await Simulator.with([SimulatedResult(task, content: content)]) { simulator in
            simulator.service.change { $0.framing = framing }
            let run = try await simulator.curl("-i", simulator.url(task))
            let gap = try #require(run.output.firstRange(of: Array("\r\n\r\n".utf8)))
            let head = String(decoding: run.output[..<gap.lowerBound], as: UTF8.self)
            #expect(!head.contains("Content-Length"))
            #expect(head.contains("Transfer-Encoding: chunked") == (framing == .chunked))
            #expect(Array(run.output[gap.upperBound...]) == content.bytes())
        }
    }

    @Test func `a file name beyond ASCII is told twice`() async throws {
        let result = SimulatedResult(task, content: .text("x"), filename: "问答 1.csv")
        try await Simulator.with([result]) { simulator in
            let run = try await simulator.curl("-i", simulator.url(task))
            #expect(
                run.text.contains(
                    "\r\nContent-Disposition: attachment; filename=\"______ 1.csv\"; "
                        + "filename*=UTF-8''%E9%97%AE%E7%AD%94%201.csv\r\n"))
        }
    }

    @Test func `each state is answered in its words, and may end`() async throws {
        let states: [(String, SimulatedResult.State, String)] = [
            ("r", .running, "MSS.000000001"), ("f", .failed, "MSS.000000002"),
            ("x", .refused(Refusal(code: "MSS.000000004", message: "无权限")), "MSS.000000004"),
        ]
        try await Simulator.with(states.map { SimulatedResult(TaskID($0.0), state: $0.1) }) { simulator in
            for (id, _, code) in states {
                let answer = try await simulator.status(simulator.url(TaskID(id)))
                #expect(answer.status == 400)
                try expect(json(answer.body)["error_code"] as? String, code)
                try await expect(simulator.status("\(simulator.list)/\(id)").status, 200)
                simulator.service.finish(TaskID(id), content: .text("done"))
                try await expect(simulator.status(simulator.url(TaskID(id))).body, "done")
            }
            let unknown = try await simulator.status(simulator.url(TaskID("nobody")))
            try expect(json(unknown.body)["error_code"] as? String, "MSS.10001004")
            try expect(json(unknown.body)["error_msg"] as? String, "文件不存在")
        }
    }

    @Test(arguments: DocumentedError.all)
    func `every documented error can be had`(error: Refusal) async throws {
        let service = SimulatedService()
        service.add(SimulatedResult(task))
        try service.injectFault("id=abc fault=refuse code=\(error.code)")
        let request = SimulatedRequest(
            method: "GET", target: "/v2/\(Simulator.project)/ies/result/abc", fields: [])
        let (_, response) = service.answer(request)
        #expect(response.status == error.status)
        guard case .bytes(let bytes) = response.body else { return #expect(Bool(false), "not a refusal") }
        try expect(json(String(decoding: bytes, as: UTF8.self))["error_code"] as? String, error.code)
    }

    @Test func `a link is signed, ends, and is on another port where told`() async throws {
        let clock = TestClock()
        let result = SimulatedResult(task, content: .text("0123456789"))
        try await Simulator.with([result], now: { clock.now }) { simulator in
            let second = try await simulator.server.startLinkPort()
            for (word, port) in [("same", simulator.port), ("other-port", second)] {
                try simulator.service.setSwitches("redirects=\(word) link-lifetime=1m")
                let run = try await simulator.curl("-o", "/dev/null", "-w", "%{redirect_url}", simulator.url(task))
                #expect(run.text.hasPrefix("http://127.0.0.1:\(port)/_link/"))
                let fetched = try await Command.run("curl", "-s", "-r", "2-4", run.text)
                #expect(fetched.text == "234")
                let forged = try await Command.run(
                    "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                    run.text.replacing("expires=", with: "expires=9"))
                #expect(forged.text == "403")
                clock.advance(61)
                let late = try await Command.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", run.text)
                #expect(late.text == "403")
            }
            #expect(simulator.service.log.bytesSent(of: task) == 6)
            #expect(
                simulator.service.log.entries.allSatisfy {
                    !$0.path.contains("signature=") || $0.path.contains("<redacted>")
                })
        }
    }
}
