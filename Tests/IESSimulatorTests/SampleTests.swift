// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite struct SampleTests {
    private func archive(named suffix: String) throws -> [UInt8] {
        let result = try #require(SampleResults.all(binarySize: 1).first { $0.filename?.hasSuffix(suffix) ?? false })
        return try #require(result.content.bytes())
    }

    @Test(arguments: [".xlsx", ".zip"])
    func `archives pass the test of unzip and of Python`(suffix: String) async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("archive", try archive(named: suffix))
        let unzip = try await Command.run("unzip", "-t", path)
        #expect(unzip.status == 0)
        #expect(unzip.text.contains("No errors detected"))
        let python = try await Command.python(
            "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())", path)
        #expect(python.text == "None\n")
    }

    @Test func `a workbook's cells can be read`() async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            "book.xlsx", Spreadsheet.workbook(sheet: "表 & 1", rows: [["问题", "a<b"], ["\"quoted\"", " spaced "]]))
        let program = """
            import sys, zipfile, xml.etree.ElementTree as e
            z = zipfile.ZipFile(sys.argv[1])
            for name in z.namelist(): e.fromstring(z.read(name))
            n = '{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'
            print(e.fromstring(z.read('xl/workbook.xml')).find(f'.//{n}sheet').get('name'))
            for r in e.fromstring(z.read('xl/worksheets/sheet1.xml')).iter(n + 'row'):
                print([t.text for t in r.iter(n + 't')])
            """
        let run = try await Command.python(program, path)
        #expect(run.text == "表 & 1\n['问题', 'a<b']\n['\"quoted\"', ' spaced ']\n")
    }

    @Test func `the table is what Python's csv module reads`() async throws {
        let rows = SampleResults.rows(count: 20)
        let program = """
            import sys, csv, io
            print([len(r) for r in csv.reader(io.StringIO(sys.stdin.buffer.read().decode('utf-8-sig')))])
            """
        let run = try await Command.python(program, input: Array(SampleResults.table(rows).utf8))
        #expect(run.text == "[\(Array(repeating: "5", count: 21).joined(separator: ", "))]\n")
    }

    @Test func `there is one of every kind, and refusals speak Chinese`() async throws {
        let results = SampleResults.all()
        #expect(Set(results.map(\.state.word)) == ["finished", "running", "failed", "refused"])
        #expect(Set(results.map(\.task)).count == results.count)
        #expect(results.contains { $0.content.size == 1 << 30 })
        try await Simulator.with(results) { simulator in
            for result in results where result.state != .finished {
                let body = try await simulator.status(simulator.url(result.task)).body
                let message = try #require(json(body)["error_msg"] as? String)
                #expect(message.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) })
            }
        }
    }

    @Test func `files of a directory are results, changed when they change`() async throws {
        let folder = try TemporaryFolder()
        try folder.write("report.csv", "a,b\n".utf8)
        try folder.write("问答.txt", "x".utf8)
        try folder.write(".hidden", "x".utf8)
        var configuration = SimulateConfiguration()
        configuration.dataDirectory = folder.path
        let running = try await configuration.start()
        let report = TaskID("report.csv")
        let sum = try await Command.run("sha256sum", input: Array("问答.txt".utf8))
        #expect(running.service.results().map(\.task) == [report, TaskID(String(sum.text.prefix(32)))])
        #expect(running.banner.contains("http://127.0.0.1:\(running.port)"))
        let url = "\(running.endpoint)/v2/\(running.service.project)/ies/result/\(report)"
        let first = try await Command.run("curl", "-si", "-H", Simulator.tokenField, url)
        #expect(first.text.hasSuffix("\r\n\r\na,b\n"))
        #expect(first.text.contains("\r\nContent-Type: text/csv\r\n"))
        try folder.write("report.csv", "a,b,c\n".utf8)
        let second = try await Command.run("curl", "-si", "-H", Simulator.tokenField, url)
        #expect(second.text.hasSuffix("\r\n\r\na,b,c\n"))
        func tag(_ run: Command) -> Substring? { run.text.split(separator: "\r\n").first { $0.hasPrefix("ETag") } }
        #expect(tag(first) != tag(second))
        await running.stop()
    }
}
