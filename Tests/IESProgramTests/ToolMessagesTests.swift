// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import iesfs

/// The lines that go through a tool socket.
@Suite struct ToolMessagesTests {
    private func parse(_ text: String) -> Result<ToolRequest, ToolLine.Rejection> { ToolLine.request(Array(text.utf8)) }

    @Test func `a request is one line of JSON, and comes back as it was`() throws {
        var request = ToolRequest(.prefetch, paths: ["p/t\n", "p/*", "p/\"1\""])
        (request.pins, request.jobs) = (true, 9)
        let line = ToolLine.encode(request)
        #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(ToolLine.request(line.dropLast()) == .success(request))
        let text = String(decoding: ToolLine.encode(ToolRequest(.evict, paths: ["p/t"])), as: UTF8.self)
        #expect(
            text == """
                {"command":"evict","dry_run":false,"jobs":4,"paths":["p/t"],"pin":false,"unpin":false,"version":1}

                """)
    }

    @Test func `what is no request, or of another version, is rejected in words`() throws {
        for text in ["", "{", "[]", "{}", "\u{0}", "{\"version\":\"1\"}"] {
            #expect(parse(text) == .failure(.init(reason: "This is not a request.")), "\(text)")
        }
        guard case .failure(let rejection) = parse("{\"version\":2,\"command\":\"evict\"}") else {
            Issue.record("accepted")
            return
        }
        #expect(rejection.reason.contains("version 1") && rejection.reason.contains("version 2"))
        #expect(
            parse("{\"version\":1,\"command\":\"format\"}")
                == .failure(.init(reason: "The mount does not know this command.")))
    }

    @Test func `each answer comes back as it was, and the last ones are told`() throws {
        let answers: [(ToolAnswer, isLast: Bool)] = [
            (.progress(ToolProgress(results: 3, done: 1, failed: 1, bytes: 5, totalBytes: 9, unsized: 1)), false),
            (.item(ToolItem(path: "p/t", errno: "EINVAL", message: "任务尚未完成\n")), false),
            (.item(ToolItem(path: "p/t", bytes: 5, fetched: 0, wrongBlocks: [1, 2])), false),
            (.summary(ToolSummary(results: 1, failed: 2, bytes: 3)), true), (.failure("no"), true), (.alive, false),
        ]
        for (answer, isLast) in answers {
            let line = ToolLine.encode(answer)
            #expect(line.firstIndex(of: UInt8(ascii: "\n")) == line.count - 1)
            #expect(ToolLine.answer(line) == answer && answer.isLast == isLast)
        }
        #expect(ToolLine.answer(Array("{\"what\":1}".utf8)) == nil)
    }

    @Test func `the status becomes an object with numbers where it has numbers`() throws {
        let json = StatusText(
            "version: 1.2\ncache used: 4096 bytes\nuptime: 17 s\nworker: 99\ncache memory: 0 of 7 bytes\nservice: a: b\nx\n"
        ).json
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
        #expect(object["cache_used_bytes"] as? Int == 4096 && object["uptime_seconds"] as? Int == 17)
        #expect(object["worker"] as? Int == 99 && object["version"] as? String == "1.2")
        #expect(object["cache_memory"] as? String == "0 of 7 bytes" && object["service"] as? String == "a: b")
        #expect(object.count == 6)
    }
}
