// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

/// Faults as they are on the wire, byte for byte.
@Suite(.timeLimit(.minutes(2))) struct WireFaultTests {
    static let task = TaskID("abc")
    static let date = "Date: Thu, 10 Apr 2025 09:22:47 GMT\r\n"
    static let plain = "HTTP/1.1 200 OK\r\n\(date)Content-Type: text/plain\r\n"
    static let partial = "HTTP/1.1 206 Partial Content\r\n\(date)Content-Type: text/plain\r\n"

    struct Case: Sendable, CustomTestStringConvertible {
        var order: String
        var range: String?
        var wire: String
        var end = RawSocket.End.closed

        var testDescription: String { order + (range.map { " with " + $0 } ?? "") }

        init(_ order: String, _ wire: String, range: String? = nil, end: RawSocket.End = .closed) {
            self.order = order
            self.range = range
            self.wire = wire
            self.end = end
        }
    }

    /// Sends one request for `0123456789` with the fault in force.
    private func exchange(_ test: Case, closes: Bool = true) async throws -> (bytes: [UInt8], end: RawSocket.End) {
        let clock = TestClock()
        let result = SimulatedResult(
            Self.task, content: .text("0123456789"), mediaType: "text/plain", entityTag: .none, lastModified: nil)
        var answer: (bytes: [UInt8], end: RawSocket.End) = ([], .closed)
        try await Simulator.with([result], now: { clock.now }) { simulator in
            try simulator.service.setSwitches("request-id=no accept-ranges=no")
            if !test.order.isEmpty { try simulator.service.injectFault("id=abc \(test.order)") }
            answer = try await RawSocket.get(
                port: simulator.port, simulator.path(Self.task),
                fields: [Simulator.tokenField] + (test.range.map { ["Range: \($0)"] } ?? []), closes: closes)
        }
        return answer
    }

    @Test(arguments: [
        Case("", plain + "Content-Length: 10\r\n\r\n0123456789"),
        Case("", partial + "Content-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\n234", range: "bytes=2-4"),
        // Lengths.
        Case("fault=length:11", plain + "Content-Length: 11\r\n\r\n0123456789"),
        Case("fault=length:9", plain + "Content-Length: 9\r\n\r\n0123456789"),
        Case("fault=length:-1", plain + "Content-Length: -1\r\n\r\n0123456789"),
        Case(
            "fault=length:99999999999999999999",
            plain + "Content-Length: 99999999999999999999\r\n\r\n0123456789"),
        Case("fault=length:ten", plain + "Content-Length: ten\r\n\r\n0123456789"),
        Case("fault=second-length:7", plain + "Content-Length: 10\r\nContent-Length: 7\r\n\r\n0123456789"),
        Case("fault=no-length", plain + "\r\n0123456789"),
        Case("fault=surplus:3", plain + "Content-Length: 10\r\n\r\n0123456789!!!"),
        // Chunks.
        Case("fault=chunked", plain + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"),
        Case("fault=chunked:size", plain + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\nno size\r\n"),
        Case("fault=chunked:unfinished", plain + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n"),
        Case(
            "fault=chunked:trailer",
            plain + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\nthis is no field\r\n\r\n"),
        // Ranges.
        Case("fault=ignore-range", plain + "Content-Length: 10\r\n\r\n0123456789", range: "bytes=2-4"),
        Case("fault=unasked-range", partial + "Content-Range: bytes 0-4/10\r\nContent-Length: 5\r\n\r\n01234"),
        Case(
            "fault=range-offset:1", partial + "Content-Range: bytes 3-5/10\r\nContent-Length: 3\r\n\r\n234",
            range: "bytes=2-4"),
        Case(
            "fault=range-total:-5", partial + "Content-Range: bytes 2-4/5\r\nContent-Length: 3\r\n\r\n234",
            range: "bytes=2-4"),
        Case(
            "fault=range-unit:items", partial + "Content-Range: items 2-4/10\r\nContent-Length: 3\r\n\r\n234",
            range: "bytes=2-4"),
        Case(
            "fault=content-range:\"bytes 2-4/*\"",
            partial + "Content-Range: bytes 2-4/*\r\nContent-Length: 3\r\n\r\n234", range: "bytes=2-4"),
        // Statuses.
        Case("fault=status:204", "HTTP/1.1 204 No Content\r\n\(date)\r\n"),
        Case("fault=status:304", "HTTP/1.1 304 Not Modified\r\n\(date)\r\n"),
        Case("fault=redirect", "HTTP/1.1 302 Found\r\n\(date)Content-Length: 0\r\n\r\n"),
        Case(
            "fault=redirect:http://other.example/x",
            "HTTP/1.1 302 Found\r\n\(date)Location: http://other.example/x\r\nContent-Length: 0\r\n\r\n"),
        // Endings.
        Case("fault=cut:4", plain + "Content-Length: 10\r\n\r\n0123"),
        Case("fault=cut:0", plain + "Content-Length: 10\r\n\r\n"),
        Case("fault=reset:4", plain + "Content-Length: 10\r\n\r\n0123", end: .reset),
        Case("fault=reset", "", end: .reset),
        Case("fault=close", ""),
        Case("fault=head-cut:9", "HTTP/1.1 "),
        Case("fault=head-reset:9", "HTTP/1.1 ", end: .reset),
        Case("fault=raw:nonsense", "nonsense"),
        // Body and head.
        Case("fault=flip:4", plain + "Content-Length: 10\r\n\r\n0123556789"),
        Case("fault=date:1h", plain.replacing("09:22:47", with: "10:22:47") + "Content-Length: 10\r\n\r\n0123456789"),
        Case("fault=field:X-A:b", plain + "Content-Length: 10\r\nX-A: b\r\n\r\n0123456789"),
    ])
    func `each fault is on the wire as it is described`(test: Case) async throws {
        let answer = try await exchange(test)
        #expect(String(decoding: answer.bytes, as: UTF8.self) == test.wire)
        #expect(answer.end == test.end)
    }

    @Test(arguments: ["fault=length:9", "fault=no-length", "fault=chunked:unfinished", "fault=surplus:1"])
    func `a connection with broken framing is closed by the server`(order: String) async throws {
        // The client does not ask for the end of the connection; the exchange ends only if the server does.
        let answer = try await exchange(Case(order, ""), closes: false)
        #expect(answer.end == .closed)
    }

    /// What a refusal's fault looks like: status line, fields and body.
    private func refusal(_ order: String) async throws -> (head: String, body: [UInt8]) {
        let bytes = try await exchange(Case(order, "")).bytes
        let gap = try #require(Data(bytes).range(of: Data("\r\n\r\n".utf8)))
        return (String(decoding: bytes[..<gap.lowerBound], as: UTF8.self), Array(bytes[gap.upperBound...]))
    }

    @Test(
        arguments: [
            ("fault=throttle", nil), ("fault=throttle:7", "Retry-After: 7"),
            ("fault=throttle:date:1m", "Retry-After: Thu, 10 Apr 2025 09:23:47 GMT"),
        ] as [(String, String?)])
    func `throttling says when to come back, or does not`(order: String, field: String?) async throws {
        let (head, body) = try await refusal(order)
        #expect(head.hasPrefix("HTTP/1.1 429 Too Many Requests\r\n"))
        #expect(head.contains("Retry-After") == (field != nil))
        if let field { #expect(head.contains("\r\n\(field)\r\n")) }
        let code = try json(String(decoding: body, as: UTF8.self))["error_code"] as? String
        #expect(code == "APIG.0308")
    }

    @Test func `messages may be long, hold NUL or be no UTF-8`() async throws {
        let long = try await refusal("fault=message-size:10M").body
        #expect(long.count > 10 << 20)
        let nul = try await refusal("fault=message-nul").body
        #expect(nul.firstRange(of: Array(#""before\u0000after""#.utf8)) != nil)
        let invalid = try await refusal("fault=message-invalid").body
        #expect(invalid.firstRange(of: Array("before".utf8) + [0xFF, 0xC3, 0x28]) != nil)
    }

    @Test func `an error comes in any shape and with any status`() async throws {
        let good = try await refusal("fault=error-200:失败了")
        #expect(good.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(
            String(decoding: good.body, as: UTF8.self).hasPrefix(#"{"error_code":"MSS.000000001","error_msg":"失败了","#))
        let page = try await refusal("fault=html:400")
        #expect(page.head.contains("Content-Type: text/html"))
        let chosen = try await refusal(#"fault=refuse status=403 code=APIGW.0302 message="不 行" shape=camel-case"#)
        #expect(chosen.head.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
        #expect(chosen.body == Array(#"{"errorCode":"APIGW.0302","errorMsg":"不 行"}"#.utf8))
        let iam = try await refusal("fault=refuse status=401 code=x message=no shape=iam")
        #expect(iam.body == Array(#"{"error":{"code":401,"message":"no","title":"Unauthorized"}}"#.utf8))
        let empty = try await refusal("fault=refuse status=500 shape=empty")
        #expect(empty.head.hasSuffix("Content-Length: 0"))
    }

    @Test func `a head may have a mebibyte`() async throws {
        let many = try await refusal("fault=large-head:1M")
        #expect(many.head.utf8.count > 1 << 20)
        let one = try await refusal("fault=long-line:1M")
        #expect(one.head.utf8.split(separator: UInt8(ascii: "\n")).contains { $0.count > 1 << 20 })
        #expect(one.body == Array("0123456789".utf8))
    }

    @Test func `a body may be compressed unasked`() async throws {
        let (head, body) = try await refusal("fault=gzip")
        #expect(head.contains("\r\nContent-Encoding: gzip"))
        let plain = try await Command.run("gunzip", "-c", input: body)
        #expect(plain.text == "0123456789")
    }

    @Test func `silence lasts until the client gives up`() async throws {
        let orders = ["a": "silence", "b": "stall:5", "c": "head-stall:20", "d": "latency:1h"]
        try await Simulator.with(orders.keys.map { SimulatedResult(TaskID($0), content: .text("0123456789")) }) {
            simulator in
            for (id, order) in orders { try simulator.service.injectFault("id=\(id) fault=\(order)") }
            try await withThrowingTaskGroup(of: Int32.self) { group in
                for id in orders.keys {
                    group.addTask { try await simulator.curl("-m", "3", simulator.url(TaskID(id))).status }
                }
                // 28: the time given to curl was over.
                for try await status in group { #expect(status == 28) }
            }
            let log = simulator.service.log
            try await log.wait(for: .ended(orders.count))
            #expect(log.entries.allSatisfy { $0.ending == .abandoned })
            #expect(log.bytesSent == 5)
        }
    }

    @Test func `a fault strikes as often as told, whom it is told`() async throws {
        let other = TaskID("other")
        try await Simulator.with([SimulatedResult(Self.task), SimulatedResult(other)]) { simulator in
            try simulator.service.injectFault("id=abc fault=status:503 times=2 after=1")
            var statuses: [Int] = []
            for _ in 0..<5 { statuses.append(try await simulator.status(simulator.url(Self.task)).status) }
            #expect(statuses == [200, 503, 503, 200, 200])
            try simulator.service.injectFault("fault=status:500 times=ever on=result")
            for task in [Self.task, other, Self.task] {
                try await expect(simulator.status(simulator.url(task)).status, 500)
            }
            try await expect(simulator.status(simulator.list).status, 200)
            simulator.service.clearFaults()
            try await expect(simulator.status(simulator.url(other)).status, 200)
        }
    }

    @Test func `the speed of a body is held`() async throws {
        let result = SimulatedResult(Self.task, content: .generated(seed: 1, size: 60_000))
        try await Simulator.with([result]) { simulator in
            try simulator.service.injectFault("id=abc fault=speed:100000")
            let run = try await simulator.curl("-o", "/dev/null", "-w", "%{time_total}", simulator.url(Self.task))
            let time = try #require(Double(run.text))
            // 60,000 bytes at 100,000 a second, the last piece of 5,000 not waited for.
            #expect(time > 0.5)
        }
    }
}
