// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import SystemPackage
import Testing

@testable import IESFileSystem

@Suite struct FailureBookTests {
    private let project = NodeTests.project
    private func id(_ task: String) -> ResultID { ResultID(project: project, task: TaskID(rawValue: task)!) }
    private func details(_ message: String, at seconds: Int64 = 0) -> FailureDetails {
        FailureDetails(
            errno: .ioError, code: "MSS.1", status: 400, requestID: nil, message: message,
            time: FileTime(seconds: seconds))
    }

    @Test func `a refused result's failure is its own, another's is the project's too`() {
        var book = FailureBook()
        book.failed(id("a"), details("refused"), as: .refused)
        #expect(book.failure(of: id("a"))?.message == "refused")
        #expect(book.failure(of: project) == nil)
        book.failed(id("b"), details("absent"), as: .absent)
        #expect(book.failure(of: project) == .init(details: details("absent"), name: id("b").task))
        book.failed(id("c"), details("passing"), as: .passing)
        #expect(book.failure(of: project)?.name == id("c").task)
    }

    @Test func `a success takes back its own failure, an answer of the service the project's`() {
        var book = FailureBook()
        book.failed(id("a"), details("x"), as: .passing)
        book.succeeded(id("b"), wasAnswered: false)
        #expect(book.failure(of: project) != nil)
        book.succeeded(id("a"), wasAnswered: false)
        #expect(book.failure(of: project) == nil)
        #expect(book.failure(of: id("a")) == nil)
        book.failed(id("a"), details("x"), as: .passing)
        book.succeeded(id("b"), wasAnswered: true)
        #expect(book.failure(of: project) == nil)
        #expect(book.failure(of: id("a")) != nil)
    }

    @Test func `a failed list is shown until a list succeeds, or a later failure`() {
        var book = FailureBook()
        book.listFailed(project, details("list", at: 1))
        #expect(book.failure(of: project) == .init(details: details("list", at: 1), name: nil))
        book.failed(id("a"), details("later", at: 2), as: .absent)
        #expect(book.failure(of: project)?.details.message == "later")
        book.succeeded(id("a"), wasAnswered: true)
        #expect(book.failure(of: project)?.details.message == "list")
        book.listSucceeded(project)
        #expect(book.failure(of: project) == nil)
    }

    @Test func `one failure that many waited for is in the journal once`() {
        var book = FailureBook()
        for _ in 0..<10 { book.failed(id("a"), details("x", at: 5), as: .passing) }
        #expect(book.journal.total == 1)
        book.failed(id("a"), details("x", at: 10), as: .passing)
        #expect(book.journal.total == 2)
    }

    @Test func `the journal keeps the last 1,000, a JSON object a line`() throws {
        var journal = ErrorJournal()
        for number in 0..<2500 { journal.add(details("第 \(number)\n\"次\"", at: Int64(number)), path: "/p/t") }
        let lines = String(decoding: journal.text, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 1000)
        #expect(journal.total == 2500)
        struct Line: Decodable, Equatable {
            let time, path, errno, code, message: String
            let status: Int
        }
        let first = try JSONDecoder().decode(Line.self, from: Data(lines[0].utf8))
        #expect(
            first
                == Line(
                    time: "1970-01-01T00:25:00.000Z", path: "/p/t", errno: "EIO", code: "MSS.1",
                    message: "第 1500\n\"次\"", status: 400))
        let last = try JSONDecoder().decode(Line.self, from: Data(lines[999].utf8))
        #expect(last.message == "第 2499\n\"次\"")
    }

    @Test func `an empty journal is empty`() { #expect(ErrorJournal().text.isEmpty) }

    @Test func `a refused result's time is the one told first`() {
        var book = FailureBook()
        #expect(book.refusedTime(of: id("a"), FileTime(seconds: 1)) == FileTime(seconds: 1))
        #expect(book.refusedTime(of: id("a"), FileTime(seconds: 2)) == FileTime(seconds: 1))
    }
}
