// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESService
import Testing

/// One call for a result: what is asked, and what is made of the answer.
@Suite struct ResultCallTests {
    private static let body = Array("0123456789".utf8)

    @Test func `a request is signed, asks for identity and names its range`() async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body)), endpoint: "https://Example.com:8443")
        #expect(await bench.result(0..<65536, ifRange: Validator(etag: "\"v1\"", lastModified: nil)) == nil)
        let request = try #require(bench.transport.requests.first)
        #expect(request.head.method == .get)
        #expect(request.head.scheme == "https")
        #expect(request.head.authority == "example.com:8443")
        #expect(request.head.path == "/v2/p1/ies/result/t1")
        #expect(request.requiresHTTP1)
        let fields = request.head.headerFields
        #expect(fields[.range] == "bytes=0-65535")
        #expect(fields[.ifRange] == "\"v1\"")
        #expect(fields[.acceptEncoding] == "identity")
        #expect(fields[.userAgent] == "iesfs")
        #expect(fields[HTTPField.Name("X-Project-Id")!] == "p1")
        #expect(fields[HTTPField.Name("X-Sdk-Date")!] == "20260315T081530Z")
        #expect(fields[HTTPField.Name("X-Auth-Token")!] == nil)
        #expect(fields[.authorization]?.contains(" SignedHeaders=host;x-project-id;x-sdk-date,") == true)
    }

    @Test func `a security token is sent and signed, a token sent alone`() async throws {
        let temporary = Bench.keys.merging(["HUAWEICLOUD_SDK_SECURITY_TOKEN": "st"]) { $1 }
        let signed = try Bench(ScriptedTransport(.body(200, [])), environment: temporary)
        #expect(await signed.result() == nil)
        let fields = try #require(signed.transport.requests.first).head.headerFields
        #expect(fields[HTTPField.Name("X-Security-Token")!] == "st")
        #expect(fields[.authorization]?.contains("host;x-project-id;x-sdk-date;x-security-token") == true)

        let plain = try Bench(ScriptedTransport(.body(200, [])), environment: ["IESFS_TOKEN": "tok"])
        #expect(await plain.result() == nil)
        let others = try #require(plain.transport.requests.first).head.headerFields
        #expect(others[HTTPField.Name("X-Auth-Token")!] == "tok")
        #expect(others[.authorization] == nil)
    }

    @Test func `a weak validator is not sent with a range, and none without one`() async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body)))
        _ = await bench.result(0..<5, ifRange: Validator(etag: "W/\"v1\"", lastModified: "x"))
        _ = await bench.result(nil, ifRange: Validator(etag: "\"v1\"", lastModified: nil))
        #expect(bench.transport.requests.allSatisfy { $0.head.headerFields[.ifRange] == nil })
    }

    @Test func `a 200 is the whole result, with what its fields tell`() async throws {
        let fields = [
            "Content-Type: Text/CSV; charset=utf-8", "ETag: \"v1\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
            "Content-Disposition: attachment; filename*=UTF-8''%E5%AF%BC%E5%87%BA.csv",
            "Date: Sun, 15 Mar 2026 08:15:30 GMT",
        ]
        let bench = try Bench(ScriptedTransport(.body(200, Self.body, fields, piece: 3)))
        let receiver = RecordingReceiver()
        #expect(await bench.result(0..<4, into: receiver) == nil)
        #expect(receiver.bytes == Self.body)
        let answer = try #require(receiver.answer)
        #expect(answer.kind == .whole(length: 10))
        #expect(answer.validator == Validator(etag: "\"v1\"", lastModified: "Sun, 06 Nov 1994 08:49:37 GMT"))
        #expect(answer.validator.strong == "\"v1\"")
        #expect(answer.mediaType == "text/csv")
        #expect(answer.filename == "导出.csv")
        #expect(answer.lastModified == Date(timeIntervalSince1970: 784_111_777))
        #expect(answer.date == Bench.start)
        #expect(answer.url == "https://example.com/v2/p1/ies/result/t1")
    }

    @Test(arguments: [
        "ETag: v1", "ETag: \"a\"b\"", "ETag:", "ETag: \"a b\"", "Last-Modified: yesterday", "Content-Type: noise",
        "Content-Type: a/b/c", "Content-Disposition: attachment",
    ])
    func `a field that is not well-formed counts as absent`(field: String) async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body, [field])))
        let receiver = RecordingReceiver()
        #expect(await bench.result(into: receiver) == nil)
        let answer = try #require(receiver.answer)
        #expect(answer.validator == Validator(etag: nil, lastModified: nil))
        #expect(answer.mediaType == nil && answer.filename == nil && answer.lastModified == nil)
    }

    @Test func `a 206 is the part that was asked for, cut at the end`() async throws {
        let fields = ["Content-Range: bytes 0-9/10"]
        let bench = try Bench(ScriptedTransport(.body(206, Self.body, fields)))
        let receiver = RecordingReceiver()
        #expect(await bench.result(0..<65536, into: receiver) == nil)
        #expect(receiver.answer?.kind == .part(0..<10, total: 10))
        #expect(receiver.bytes == Self.body)
    }

    @Test func `a chunked answer has no length before its end`() async throws {
        let transport = ScriptedTransport(
            .init(status: 200, fields: ["Transfer-Encoding: chunked"], pieces: [Self.body, Self.body]))
        let bench = try Bench(transport)
        let receiver = RecordingReceiver()
        #expect(await bench.result(into: receiver) == nil)
        #expect(receiver.answer?.kind == .whole(length: nil))
        #expect(receiver.bytes == Self.body + Self.body)
    }

    @Test(arguments: [
        ["Content-Range: bytes 1-10/11"], ["Content-Range: bytes 0-9/20"], ["Content-Range: bytes 0-9/*"],
        ["Content-Range: bytes 5-14/15"],
    ])
    func `a part other than the one asked for is a contradiction`(fields: [String]) async throws {
        let bench = try Bench(ScriptedTransport(.body(206, Self.body, fields)))
        let receiver = RecordingReceiver()
        guard case .contradiction? = await bench.result(0..<15, into: receiver) else {
            Issue.record("it was taken")
            return
        }
        #expect(receiver.answers.isEmpty)
        #expect(bench.transport.requests.count == 1)
    }

    @Test(
        arguments: [
            (206, []), (206, ["Content-Range: bytes 0-8/20"]), (206, ["Content-Range: bytes 0-9/9"]),
            (206, ["Content-Range: items 0-9/20"]),
            (206, ["Content-Range: bytes 0-9/20", "Content-Range: bytes 0-9/20"]),
            (206, ["Content-Type: multipart/byteranges; boundary=x"]), (206, ["Content-Range: bytes */20"]),
            (200, ["Content-Length: 10"]), (200, ["Content-Encoding: gzip"]), (200, ["Transfer-Encoding: chunked"]),
        ] as [(Int, [String])])
    func `a response that breaks HTTP is malformed`(status: Int, fields: [String]) async throws {
        let bench = try Bench(ScriptedTransport(.body(status, Self.body, fields)))
        let receiver = RecordingReceiver()
        guard case .malformed? = await bench.result(0..<10, into: receiver) else {
            Issue.record("it was taken")
            return
        }
        #expect(receiver.answers.isEmpty)
    }

    @Test func `a part without a range asked for is a contradiction`() async throws {
        let bench = try Bench(ScriptedTransport(.body(206, Self.body, ["Content-Range: bytes 0-9/10"])))
        guard case .contradiction? = await bench.result() else {
            Issue.record("it was taken")
            return
        }
    }

    @Test func `an overflowing length, or none at all, is malformed`() async throws {
        for fields in [["Content-Length: 99999999999999999999"], []] {
            let bench = try Bench(ScriptedTransport(.init(status: 200, fields: fields, pieces: [Self.body])))
            guard case .malformed? = await bench.result() else {
                Issue.record("it was taken")
                continue
            }
        }
    }

    @Test(
        arguments: [
            ("bytes */1234", 1234), ("bytes */0", 0), ("bytes 0-1/2", nil), ("noise", nil), (nil, nil),
        ] as [(String?, Int64?)])
    func `a 416 tells that there is no such byte`(range: String?, total: Int64?) async throws {
        let bench = try Bench(ScriptedTransport(.text(416, "x", range.map { ["Content-Range: \($0)"] } ?? [])))
        let receiver = RecordingReceiver()
        #expect(await bench.result(5000..<6000, into: receiver) == nil)
        #expect(receiver.answer?.kind == .unsatisfiable(total: total))
        #expect(receiver.bytes.isEmpty)
    }

    @Test func `a 304 is an answer to a condition only`() async throws {
        let bench = try Bench(ScriptedTransport(.init(status: 304)))
        let receiver = RecordingReceiver()
        let validator = Validator(etag: "\"v1\"", lastModified: "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(await bench.result(revalidating: validator, into: receiver) == nil)
        #expect(receiver.answer?.kind == .notModified)
        let fields = try #require(bench.transport.requests.first).head.headerFields
        #expect(fields[.ifNoneMatch] == "\"v1\"")
        #expect(fields[.ifModifiedSince] == "Sun, 06 Nov 1994 08:49:37 GMT")
        guard case .refused(let error)? = await bench.result() else {
            Issue.record("it was taken")
            return
        }
        #expect(error.status == 304)
    }

    @Test(arguments: [201, 202, 203, 204, 205, 300, 304, 305, 400, 402, 404, 405, 416, 418, 494])
    func `any other status is a refusal with the service's words`(status: Int) async throws {
        let text = #"{"error_code": "MSS.000000003", "error_msg": "参数错误"}"#
        let bench = try Bench(ScriptedTransport(.text(status, text, ["X-Request-Id: r1"])))
        let receiver = RecordingReceiver()
        guard case .refused(let error)? = await bench.result(into: receiver) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.status == status && error.code == "MSS.000000003" && error.message == "参数错误")
        #expect(error.requestID == "r1")
        #expect(error.time == Bench.start)
        #expect(error.url == "https://example.com/v2/p1/ies/result/t1")
        #expect(receiver.answers.isEmpty)
        #expect(bench.transport.requests.count == 1)
    }

    @Test func `an endless refusal is cut off`() async throws {
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 16384)
        let response = ScriptedTransport.Response(status: 400, pieces: Array(repeating: piece, count: 640))
        let bench = try Bench(ScriptedTransport(response))
        guard case .refused(let error)? = await bench.result() else {
            Issue.record("it was taken")
            return
        }
        #expect(error.message.utf8.count == 65536)
    }

    @Test func `a refusal whose explanation is cut keeps its status`() async throws {
        let response = ScriptedTransport.Response.text(404, #"{"error_code": "MSS.10001004", "error_msg": "not fo"#)
        let bench = try Bench(ScriptedTransport(response.cut(.connectionReset("x"))))
        guard case .refused(let error)? = await bench.result() else {
            Issue.record("it was taken")
            return
        }
        #expect(error.status == 404 && error.code == "MSS.10001004" && error.message == "not fo")
    }
}
