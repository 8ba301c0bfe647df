// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Testing

@testable import IESService

@Suite struct HTTPFieldTests {
    private static let now = Date(timeIntervalSince1970: 1_773_562_530)

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func `the three forms of a date are read`(text: String) {
        #expect(HTTPDate.parse(text, now: Self.now) == Date(timeIntervalSince1970: 784_111_777))
    }

    @Test(arguments: [
        "", "0", "-1", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6 Nov 94 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
    ])
    func `other texts are no date`(text: String) {
        #expect(HTTPDate.parse(text, now: Self.now) == nil)
    }

    @Test(
        arguments: [
            ("0", 0), ("120", 120), ("99999999999999999999999", 31_536_000), ("9223372036854775807", 31_536_000),
            ("Sun, 15 Mar 2026 08:16:30 GMT", 60), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ] as [(String, Int)])
    func `Retry-After is seconds or a date`(text: String, seconds: Int) {
        #expect(RetryAfter.parse(text, serverDate: nil, now: Self.now) == .seconds(seconds))
    }

    @Test func `a date in Retry-After is meant by the service's clock`() {
        let serverDate = Self.now.addingTimeInterval(-3600)
        let text = "Sun, 15 Mar 2026 07:15:40 GMT"
        #expect(RetryAfter.parse(text, serverDate: serverDate, now: Self.now) == .seconds(10))
    }

    @Test(arguments: ["", "-1", "1.5", "soon", "1 s", "+1"])
    func `other texts are no Retry-After`(text: String) {
        #expect(RetryAfter.parse(text, serverDate: nil, now: Self.now) == nil)
    }

    @Test(
        arguments: [
            ("bytes 0-499/1234", .part(0..<500, total: 1234)), ("bytes 734-1233/1234", .part(734..<1234, total: 1234)),
            ("BYTES 0-0/1", .part(0..<1, total: 1)), ("bytes 42-1233/*", .part(42..<1234, total: nil)),
            ("bytes */1234", .unsatisfied(total: 1234)), ("bytes */0", .unsatisfied(total: 0)),
            ("bytes 0-9223372036854775806/9223372036854775807", .part(0..<Int64.max, total: .max)),
        ] as [(String, ContentRange)])
    func `Content-Range is read`(text: String, expected: ContentRange) {
        #expect(ContentRange.parse(text) == expected)
    }

    @Test(arguments: [
        "", "bytes", "0-499/1234", "items 0-1/2", "bytes 5-4/10", "bytes 0-10/10", "bytes 0-9", "bytes 0-9/",
        "bytes -9/10",
        "bytes 0-/10", "bytes */*", "bytes 0-9223372036854775807/*", "bytes 0-9/99999999999999999999", "bytes 0-1/2/3",
        "bytes 0x0-1/2", "bytes +0-1/2", "bytes 0-1-2/9", "bytes 0 - 1/2",
    ])
    func `a Content-Range that says nothing sure is refused`(text: String) {
        #expect(ContentRange.parse(text) == nil)
    }

    @Test(
        arguments: [
            (["Content-Length: 5"], .length(5)), (["Content-Length: 0"], .length(0)),
            (["Content-Length: 9223372036854775807"], .length(.max)), (["Transfer-Encoding: Chunked"], .chunked),
            ([], .untilClose),
        ] as [([String], Framing)])
    func `the end of a body is told by its fields`(fields: [String], expected: Framing) throws {
        #expect(try Framing.judge(HTTPFields(lines: fields)) == expected)
    }

    @Test(arguments: [
        ["Content-Length: 5", "Content-Length: 5"], ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 5"],
        ["Content-Length: 9223372036854775808"], ["Content-Length: 99999999999999999999999999"], ["Content-Length: -1"],
        ["Content-Length: +5"], ["Content-Length: 5 6"], ["Content-Length: 0x5"], ["Content-Length: five"],
        ["Content-Length:"], ["Content-Length: ５"], ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ])
    func `fields that leave the end of a body in doubt are refused`(fields: [String]) {
        #expect(throws: Framing.Violation.self) { try Framing.judge(HTTPFields(lines: fields)) }
    }

    @Test(arguments: [[], ["Content-Encoding: identity"], ["Content-Encoding: Identity"], ["Content-Encoding:"]])
    func `a body as it is passes`(fields: [String]) throws {
        try Framing.checkCoding(HTTPFields(lines: fields))
    }

    @Test(arguments: [
        ["Content-Encoding: gzip"], ["Content-Encoding: identity, br"],
        ["Content-Encoding: identity", "Content-Encoding: gzip"],
        ["Content-Encoding: aws-chunked"],
    ])
    func `a coded body is refused`(fields: [String]) {
        #expect(throws: Framing.Violation.self) { try Framing.checkCoding(HTTPFields(lines: fields)) }
    }

    @Test(arguments: [
        ("attachment; filename=report.csv", "report.csv"),
        ("attachment; filename=\"a b;c.xlsx\"", "a b;c.xlsx"),
        ("attachment; filename=\"a\\\"b\\\\c\"", "a\"b\\c"),
        ("inline;FileName = \"x\" ; size=3", "x"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename*=utf-8'zh'%E5%AF%BC%E5%87%BA.xlsx; filename=x", "导出.xlsx"),
        ("attachment; filename=\"fallback\"; filename*=UTF-8''real", "real"),
        ("attachment; filename=\"fallback\"; filename*=UTF-8''%FF%FE", "fallback"),
        ("attachment; filename=\"fallback\"; filename*=KOI8-R''x", "fallback"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        ("attachment; filename=\"导出.csv\"", "导出.csv"),
        ("attachment; filename=\"../../etc/passwd\"", "../../etc/passwd"),
        ("attachment; filename=\"%41.csv\"", "%41.csv"),
        ("attachment; filename=\"cut", "cut"),
        ("attachment; xfilename=\"no\"; filename=yes", "yes"),
    ])
    func `Content-Disposition names a file`(value: String, expected: String) {
        #expect(ContentDisposition.filename(in: Array(value.utf8)) == expected)
    }

    @Test(arguments: [
        "", "attachment", "attachment; filename=", "attachment; filename=\"\"", "attachment; name=x", ";;;", "=",
        "attachment; filename*=UTF-8''", "attachment; filename*=x",
    ])
    func `a Content-Disposition without a name names none`(value: String) {
        #expect(ContentDisposition.filename(in: Array(value.utf8)) == nil)
    }

    @Test func `a name that is not UTF-8 is taken for ISO 8859-1`() {
        let value = Array("attachment; filename=\"caf".utf8) + [0xE9] + Array(".csv\"".utf8)
        #expect(ContentDisposition.filename(in: value) == "café.csv")
        #expect(ContentDisposition.filename(in: [UInt8](repeating: 0x3B, count: 1_000_000)) == nil)
    }

    @Test func `the jitter is full, doubles and is capped`() {
        let backoff = Backoff(base: .milliseconds(500), cap: .seconds(30))
        let bounds = (0..<9).map { backoff.delay(beforeRetry: $0, random: 0.999999) }
        #expect(zip(bounds, [0.5, 1, 2, 4, 8, 16, 30, 30, 30]).allSatisfy { abs($0 / .seconds(1) - $1) < 0.001 })
        #expect(backoff.delay(beforeRetry: 3, random: 0) == .zero)
        #expect(backoff.delay(beforeRetry: 1, random: 0.5) == .milliseconds(500))
        #expect(backoff.delay(beforeRetry: .max, random: 1) == .seconds(30))
    }
}
