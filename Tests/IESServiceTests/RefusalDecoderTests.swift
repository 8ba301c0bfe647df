// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESService
import Testing

@Suite struct RefusalDecoderTests {
    private static let time = Date(timeIntervalSince1970: 1_773_562_530)

    private func decode(_ status: Int, _ body: [UInt8], _ fields: [String] = []) -> ServiceError {
        RefusalDecoder.decode(
            status: status, fields: HTTPFields(lines: fields), body: body, at: Self.time,
            url: "https://example.com/v2/p")
    }

    private func decode(_ status: Int, _ body: String, _ fields: [String] = []) -> ServiceError {
        decode(status, Array(body.utf8), fields)
    }

    @Test(
        arguments: [
            (#"{"error_code": "MSS.000000003", "error_msg": "参数错误", "request_id": "r1"}"#, "MSS.000000003", "参数错误"),
            (#"{"error_code": "MSS.00000001", "error_msg": "Unauthorized"}"#, "MSS.00000001", "Unauthorized"),
            (
                #"{"error": {"code": 401, "message": "The token expired", "title": "Unauthorized"}}"#, "401",
                "The token expired"
            ),
            (#"{"errorCode": "APIG.0301", "errorMsg": "Incorrect"}"#, "APIG.0301", "Incorrect"),
            (#"{"code": "X.1", "message": "m"}"#, "X.1", "m"),
            (#"{"a": {"b": [{"error_code": "N.1", "error_msg": "nested"}]}}"#, "N.1", "nested"),
            (#"{"error_msg": "only words"}"#, nil, "only words"),
            (#"{"error": "access_denied"}"#, nil, "access_denied"),
            (#"{"error": {"message": "no code"}}"#, nil, "no code"),
            (
                #"{"error_code": "C.1", "error_msg": "outer", "inner": {"error_code": "C.2", "error_msg": "i"}}"#,
                "C.1", "outer"
            ),
            (#"{"code": 1, "inner": {"error_code": "C.2", "error_msg": "i"}}"#, "C.2", "i"),
            (#"{"error_code": "", "error_msg": "empty code"}"#, nil, "empty code"),
            ("\u{FEFF}{\"error_code\": \"B.1\", \"error_msg\": \"bom\"}", "B.1", "bom"),
            ("  plain words\n", nil, "  plain words\n"),
            (
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", "AccessDenied",
                "Request has expired"
            ),
            ("<html><head><title>502 Bad Gateway</title></head></html>", nil, "502 Bad Gateway"),
            (#"{"error_code": "T.1", "error_msg": "cut sho"#, "T.1", "cut sho"),
            (#"{"error_code": "Z.1", "error_msg": "a\u0000b\u0007"}"#, "Z.1", "a\u{0}b\u{7}"),
            (#"{"error_code": "E.1", "error_msg": "x", "encoded_authorization_message": "y"}"#, "E.1", "x"),
        ] as [(String, String?, String)])
    func `every shape of an explanation is understood`(body: String, code: String?, message: String) {
        let error = decode(400, body)
        #expect(error.status == 400)
        #expect(error.code == code)
        #expect(Array(error.message.utf8) == Array(message.utf8))
    }

    @Test(arguments: ["", "   ", "{}", "[]", "<html></html>", #"{"error_msg": ""}"#, #"{"error_msg": null}"#, "{"])
    func `without an explanation there is a sentence`(body: String) {
        #expect(decode(502, body).message == "The service answered with HTTP status 502, without an explanation.")
    }

    @Test func `a code without a message is named in the sentence`() {
        let error = decode(400, #"{"error_code": "MSS.000000001"}"#)
        #expect(error.code == "MSS.000000001")
        #expect(error.message.contains("MSS.000000001"))
    }

    @Test func `the request id is the field's, else the body's`() {
        let body = #"{"error_code": "a", "error_msg": "b", "request_id": "body"}"#
        #expect(decode(400, body, ["x-request-id: field"]).requestID == "field")
        #expect(decode(400, body).requestID == "body")
        #expect(decode(400, #"{"error_msg": "b"}"#).requestID == nil)
    }

    @Test func `time, url and the wait asked for are kept`() {
        let error = decode(429, "", ["Retry-After: 7"])
        #expect(error.retryAfter == .seconds(7))
        #expect(error.time == Self.time)
        #expect(error.url == "https://example.com/v2/p")
        #expect(
            decode(429, "", ["Date: Sun, 15 Mar 2026 06:00:00 GMT", "Retry-After: Sun, 15 Mar 2026 06:00:09 GMT"])
                .retryAfter == .seconds(9))
    }

    @Test func `a message of 10 MiB is cut between two characters`() {
        let text = String(repeating: "错", count: 10 << 20 / 3)
        for body in [text, #"{"error_code": "L.1", "error_msg": ""# + text + "\"}"] {
            let error = decode(400, Array(body.utf8.prefix(RefusalDecoder.bodyLimit)))
            #expect(error.message.utf8.count <= 65536)
            #expect(error.message.utf8.count > 65000)
            #expect(error.message.dropLast().allSatisfy { $0 == "错" })
        }
        #expect(decode(400, Array((#"{"error_code": "L.1", "error_msg": ""# + text).utf8)).code == "L.1")
    }

    @Test func `noise becomes a message of bounded length`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let body = (0..<Int.random(in: 0..<3000)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(!decode(400, body).message.isEmpty)
        }
        #expect(decode(400, [UInt8](repeating: 0xFF, count: 65536)).message.utf8.count <= 65536)
        #expect(decode(400, [0, 0, 0]).message == "\0\0\0")
    }

    @Test func `a compressed explanation is not shown as noise`() {
        let error = decode(503, [0x1F, 0x8B, 8, 0], ["Content-Encoding: gzip"])
        #expect(error.message == "The service answered with HTTP status 503, without an explanation.")
    }

    @Test(
        arguments: [
            ("APIG.0301", "0301"), ("APIGW.0301", "0301"), ("apig.0308", "0308"), ("MSS.0301", nil), ("APIG.030", nil),
            ("APIG.03010", nil), ("APIG.03o1", nil), ("APIG0301", nil), ("APIG.0301.1", nil), (nil, nil),
        ] as [(String?, String?)])
    func `gateway codes are compared by their four digits`(code: String?, digits: String?) {
        let error = ServiceError(status: 401, code: code, message: "m", requestID: nil, time: Self.time, url: "")
        #expect(error.gatewayDigits == digits)
    }

    @Test(
        arguments: [
            (401, nil, true), (403, nil, true), (400, "MSS.000000004", true), (400, "MSS.00010009", true),
            (400, "APIG.0307", true), (403, "APIGW.0310", false), (400, "MSS.000000003", false),
            (404, "APIG.0101", false),
            (500, nil, false),
        ] as [(Int, String?, Bool)])
    func `refusals of the credentials are told from others`(status: Int, code: String?, expected: Bool) {
        let error = ServiceError(status: status, code: code, message: "m", requestID: nil, time: Self.time, url: "")
        #expect(error.refusesCredentials == expected)
    }

    @Test(arguments: [
        #"{"error_code": "MSS.000000003", "error_msg": "no"}"#, #"{"error_code":"APIG.0308","error_msg":"","x":[1]}"#,
        #"{"error_code": "APIGW.0301", "error_msg": "no", "request_id": "r"}"#,
    ])
    func `an error document sent as the result is a refusal`(body: String) {
        let error = RefusalDecoder.refusal(inResult: Array(body.utf8), fields: [:], at: Self.time, url: "u")
        #expect(error?.status == 200)
    }

    @Test(arguments: [
        "", "{}", #"{"error_code": "OTHER.1", "error_msg": "x"}"#, #"{"error_code": "MSS.1"}"#, #"{"error_msg": "x"}"#,
        #"[{"error_code": "MSS.1", "error_msg": "x"}]"#, #"{"a": {"error_code": "MSS.1", "error_msg": "x"}}"#,
        #"{"error_code": "MSS.1", "error_msg": "x"} "trailing""#, #"{"error_code": "MSS.1", "error_msg": 5}"#,
        #"{"error_code": "MSS.1", "error_msg": "x"#,
    ])
    func `any other document is a result`(body: String) {
        #expect(RefusalDecoder.refusal(inResult: Array(body.utf8), fields: [:], at: Self.time, url: "u") == nil)
    }
}
