// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESCache
import IESFetch
import IESService
import SystemPackage
import Testing

@testable import IESFileSystem

/// Design of the errno table: code first, then HTTP status; the numbers are Linux's.
@Suite struct ErrnoTests {
    struct Refusal: Sendable {
        let status: Int
        let code: String?
        let errno: Int32
        let failureClass: FailureClass
    }

    private static func refused(_ status: Int, _ code: String?, _ errno: Int32) -> Refusal {
        Refusal(status: status, code: code, errno: errno, failureClass: .refused)
    }
    private static func absent(_ status: Int, _ code: String?) -> Refusal {
        Refusal(status: status, code: code, errno: 2, failureClass: .absent)
    }
    private static func passing(_ status: Int, _ code: String?, _ errno: Int32) -> Refusal {
        Refusal(status: status, code: code, errno: errno, failureClass: .passing)
    }

    private static let (EIO, EACCES, EBUSY, EINVAL, EREMOTEIO) =
        (5, 13, 16, 22, 121) as (Int32, Int32, Int32, Int32, Int32)

    static let refusals: [Refusal] = [
        refused(400, "MSS.000000001", EIO), refused(400, "MSS.000000002", EREMOTEIO),
        refused(400, "MSS.000000003", EINVAL), refused(400, "MSS.00000003", EINVAL),
        refused(400, "MSS.10000003", EINVAL), refused(400, "MSS.10001002", EINVAL),
        refused(400, "MSS.000000004", EACCES), refused(403, "MSS.000000004", EACCES),
        refused(401, "MSS.00000001", EACCES), refused(400, "MSS.00010008", EACCES),
        refused(400, "MSS.00010009", EACCES), refused(401, nil, EACCES), refused(403, nil, EACCES),
        refused(403, "MSS.47010023", EACCES), refused(401, "APIGW.0301", EACCES), refused(401, "APIG.0301", EACCES),
        refused(403, "APIGW.0302", EACCES), refused(401, "APIG.0303", EACCES), refused(403, "APIG.0304", EACCES),
        refused(401, "APIG.0305", EACCES), refused(403, "APIG.0306", EACCES), refused(401, "APIG.0307", EACCES),
        refused(401, "APIGW.0311", EACCES), refused(400, "APIGW.0301", EACCES), refused(403, "APIG.0310", EACCES),
        absent(400, "MSS.10001001"), absent(400, "MSS.10001004"), absent(404, nil), absent(404, "MSS.99999999"),
        absent(403, "MSS.10001001"), passing(404, "APIGW.0101", EREMOTEIO), passing(404, "APIG.0103", EREMOTEIO),
        refused(400, "MSS.00010003", EREMOTEIO), refused(400, "MSS.45000001", EIO), refused(400, nil, EIO),
        refused(400, "MSS.00000002", EIO), refused(400, "APIGW.0101", EIO), refused(400, "APIG.0602", EIO),
        passing(429, "APIGW.0308", EBUSY), passing(429, nil, EBUSY), passing(408, nil, EREMOTEIO),
        passing(500, "MSS.42000007", EREMOTEIO), passing(500, nil, EREMOTEIO), passing(502, "APIG.0201", EREMOTEIO),
        passing(504, "APIGW.0201", EREMOTEIO), passing(503, nil, EREMOTEIO), passing(599, nil, EREMOTEIO),
        passing(500, "MSS.000000003", EINVAL), passing(204, nil, EIO), passing(304, nil, EIO), passing(302, nil, EIO),
        passing(402, nil, EIO), passing(405, "APIG.0501", EIO), passing(407, nil, EIO), passing(413, "APIG.0201", EIO),
        passing(416, nil, EIO), passing(494, nil, EIO), refused(200, "MSS.000000003", EINVAL),
        refused(200, "MSS.31415926", EIO), refused(400, "APIG.03010", EIO), refused(400, "APIGX.0301", EIO),
        refused(400, "MSS.0301", EIO), refused(400, "mss.000000003", EIO),
    ]

    @Test(arguments: refusals)
    func `a refusal is its errno and its class`(row: Refusal) {
        let error = FetchError.service(
            .refused(
                ServiceError(
                    status: row.status, code: row.code, message: "没有", requestID: "r-1",
                    time: Date(timeIntervalSince1970: 1),
                    url: "https://service/")))
        let details = FailureDetails(error, timeout: .seconds(30), time: FileTime(seconds: 9))
        #expect(details.errno.rawValue == row.errno, "\(row)")
        #expect(FailureClass(error, timeout: .seconds(30)) == row.failureClass, "\(row)")
        #expect(details.message == "没有")
        #expect(details.code == row.code)
        #expect(details.requestID == "r-1")
        #expect(details.status == row.status)
        #expect(details.time == FileTime(seconds: 1))
    }

    @Test(
        arguments: [
            (.service(.deadline), 110), (.deadline(received: nil), 110), (.deadline(received: 5), 110),
            (.service(.transport(.timedOut(.connect))), 110), (.service(.transport(.timedOut(.body))), 110),
            (.service(.transport(.nameNotResolved(host: "h"))), 113), (.service(.transport(.unreachable("h"))), 113),
            (.service(.transport(.proxy("no"))), 113), (.service(.transport(.connectionRefused("h"))), 111),
            (.service(.transport(.connectionReset("h"))), 104), (.service(.transport(.tls("bad"))), 71),
            (.service(.transport(.malformedResponse("bad"))), 71), (.service(.malformed("Two lengths.")), 71),
            (.service(.transport(.bodyCutShort(received: 3))), 5), (.shortBody("Short."), 5),
            (.contradiction("No."), 5),
            (.service(.contradiction("No.")), 5), (.service(.transport(.other("?"))), 5),
            (.service(.transport(.stopped)), 5), (.service(.credentials(CredentialError(.missing, "None."))), 13),
            (.changed, 116), (.tooLarge(size: 9, limit: 8), 27), (.cache(.tooLarge(size: 9, limit: 8)), 27),
            (.cache(.closed), 5), (.cancelled, 4), (.service(.transport(.cancelled)), 4),
        ] as [(FetchError, Int32)])
    func `a failure on the way is its errno, and passing`(error: FetchError, errno: Int32) {
        let details = FailureDetails(error, timeout: .seconds(30), time: FileTime(seconds: 9))
        #expect(details.errno.rawValue == errno)
        #expect(FailureClass(error, timeout: .seconds(30)) == .passing)
        #expect(details.time == FileTime(seconds: 9))
        #expect(details.message.hasSuffix(".") || details.message.contains(": "))
    }

    @Test(arguments: [(31, 16), (30, 121), (nil, 121)] as [(Int?, Int32)])
    func `a service that asks for a pause beyond the deadline is busy`(seconds: Int?, errno: Int32) {
        let refusal = ServiceError(
            status: 503, code: nil, message: "later", requestID: nil, retryAfter: seconds.map { .seconds($0) },
            time: Date(timeIntervalSince1970: 1), url: "https://service/")
        #expect(FailureCause(.service(.refused(refusal)), timeout: .seconds(30)).errno.rawValue == errno)
    }

    @Test func `writing is EROFS`() {
        #expect(FailureCause.readOnly.errno.rawValue == 30)
    }

    @Test func `every errno of the table has its name`() {
        for cause in FailureCause.allCases { #expect(cause.errno.symbol.hasPrefix("E"), "\(cause)") }
    }

    @Test func `README has the same table`() throws {
        var path = FilePath(#filePath)
        for _ in 0..<3 { path.removeLastComponent() }
        let text = try read(path.appending("README.md"))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "<!-- errno-table -->"))
        let end = try #require(lines.firstIndex(of: "<!-- /errno-table -->"))
        let table = lines[(start + 1)..<end].filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
        #expect(table == ErrnoMap.table)
    }

    private func read(_ path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }
}
