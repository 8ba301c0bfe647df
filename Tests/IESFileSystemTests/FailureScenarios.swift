// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import IESSimulator
import SystemPackage
import Testing

@testable import IESFileSystem

@Suite struct FailureScenarios {
    private let task = TaskID.numbered(1)

    @Test func `a refused result is a file that cannot be opened and says why`() async throws {
        let message = "任务正在执行中"
        let refusal = Refusal(code: "MSS.000000003", message: message)
        try await Workbench.with([SimulatedResult(task, state: .refused(refusal))]) { bench in
            let entry = try await bench.lookUp(task)
            #expect(entry.attributes.kind == .file)
            // Seven characters of three bytes each.
            #expect(entry.attributes.size == 21)
            #expect(entry.entryTimeout == .zero && entry.attributesTimeout == .zero)
            let error = try await failure { _ = try await bench.cat(task) }
            #expect(error.errno == .invalidArgument)
            let inode = entry.attributes.inode
            #expect(try bench.attribute("ies.error_msg", of: inode) == message)
            #expect(try bench.attribute("ies.error_code", of: inode) == "MSS.000000003")
            #expect(try bench.attribute("ies.http_status", of: inode) == "400")
            #expect(try bench.attribute("ies.errno", of: inode) == "EINVAL")
            #expect(try bench.attribute("ies.state", of: inode) == "failed")
            #expect(try bench.attribute("ies.request_id", of: inode)?.isEmpty == false)
            let time = try #require(try bench.attribute("ies.error_time", of: inode))
            #expect(try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time) <= Date())
            #expect(try bench.attribute("ies.error_msg", of: try await bench.project) == nil)
        }
    }

    @Test func `a task that finishes after its refusal becomes its file`() async throws {
        let content = SimulatedContent.generated(seed: 4, size: 123_456)
        try await Workbench.with([SimulatedResult(task, content: content, state: .running)]) { bench in
            let refused = try await bench.lookUp(task)
            bench.service.finish(task)
            // The kernel opens the inode that it looked up before: ESTALE has it look again.
            let stale = try await failure {
                _ = try await bench.fileSystem.open(refused.attributes.inode, writing: false)
            }
            #expect(stale.errno == .staleNFSFileHandle)
            let bytes = try await bench.cat(task)
            #expect(bytes == content.bytes())
            let finished = try await bench.lookUp(task)
            #expect(finished.attributes.inode != refused.attributes.inode)
            #expect(finished.attributes.size == 123_456)
            #expect(try bench.attribute("ies.error_msg", of: finished.attributes.inode) == nil)
            #expect(try bench.attribute("ies.state", of: finished.attributes.inode) == "cached")
        }
    }

    @Test func `within error_ttl a refusal comes from memory`() async throws {
        try await Workbench.with([SimulatedResult(task, state: .failed)], errorTTL: .seconds(1000)) { bench in
            let first = try await bench.lookUp(task)
            for _ in 0..<3 {
                let error = try await failure { _ = try await bench.cat(task) }
                #expect(error.errno.rawValue == 121)
            }
            let project = try await bench.project
            #expect(try bench.fileSystem.lookUpNow(task.rawValue, in: project) == first)
            #expect(throws: FileSystemError.self) {
                try bench.fileSystem.openNow(first.attributes.inode, writing: false)
            }
            #expect(bench.service.log.count(of: task) == 1)
            let errors = try await bench.text(".iesfs/errors")
            #expect(errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `each size of a refusal has an inode of its own, which keeps its size and time`() async throws {
        try await Workbench.with([SimulatedResult(task, state: .running)]) { bench in
            var told: [Int: Attributes] = [:]
            for message in ["a", "bb", "c", "dd", "eee"] {
                bench.service.setState(.refused(Refusal(code: "MSS.000000001", message: message)), of: task)
                let attributes = try await bench.lookUp(task).attributes
                #expect(attributes.size == message.utf8.count)
                #expect(told[message.utf8.count] ?? attributes == attributes)
                told[message.utf8.count] = attributes
            }
            #expect(Set(told.values.map(\.inode)).count == 3)
            for attributes in told.values {
                #expect(try bench.fileSystem.attributes(of: attributes.inode).0 == attributes)
            }
        }
    }

    @Test func `an absent result does not resolve, and its directory says why until a success`() async throws {
        let there = SimulatedResult(TaskID.numbered(2), content: .text("x"))
        try await Workbench.with([there]) { bench in
            let error = try await failure { _ = try await bench.lookUp(task) }
            #expect(error.errno == .noSuchFileOrDirectory)
            let project = try await bench.project
            #expect(try bench.attribute("ies.error_msg", of: project) == "文件不存在")
            #expect(try bench.attribute("ies.error_code", of: project) == "MSS.10001004")
            #expect(try bench.attribute("ies.errno", of: project) == "ENOENT")
            #expect(try bench.attribute("ies.error_name", of: project) == task.rawValue)
            _ = try await bench.lookUp(there.task)
            #expect(try bench.attribute("ies.error_msg", of: project) == nil)
            #expect(try bench.fileSystem.extendedAttributes(of: project) == [])
        }
    }

    @Test func `a passing failure fails the look-up of what is not known`() async throws {
        try await Workbench.with([SimulatedResult(task, content: .text("x"))]) { bench in
            bench.service.inject(.refusal(Refusal(status: 503, code: "APIG.0613", message: "IAM 不可用")), times: nil)
            let error = try await failure { _ = try await bench.lookUp(task) }
            #expect(error.errno.rawValue == 121)
            let project = try await bench.project
            #expect(try bench.attribute("ies.error_msg", of: project) == "IAM 不可用")
            bench.service.clearFaults()
            #expect(try await bench.text("\(bench.service.project)/\(task)") == "x")
            #expect(try bench.attribute("ies.error_msg", of: project) == nil)
        }
    }

    @Test func `a passing failure fails the read of what is known, and what is held is still read`() async throws {
        let content = SimulatedContent.generated(seed: 1, size: 900_000)
        try await Workbench.with([SimulatedResult(task, content: content)]) { bench in
            let entry = try await bench.lookUp(task)
            let bytes = try #require(content.bytes())
            bench.service.inject(.transport(.connectionReset("127.0.0.1:9")), times: nil)
            let file = try await bench.fileSystem.open(entry.attributes.inode, writing: false)
            #expect(try await bench.read(file.handle, at: 0, count: 100) == Array(bytes[..<100]))
            let error = try await failure { _ = try await bench.read(file.handle, at: 800_000, count: 100) }
            #expect(error.errno == .connectionReset)
            let project = try await bench.project
            #expect(try bench.attribute("ies.errno", of: entry.attributes.inode) == "ECONNRESET")
            #expect(try bench.attribute("ies.error_name", of: project) == task.rawValue)
            bench.service.clearFaults()
            #expect(
                try await bench.read(file.handle, at: 800_000, count: 100) == Array(bytes[800_000..<800_100]))
            #expect(try bench.attribute("ies.errno", of: entry.attributes.inode) == nil)
            #expect(try bench.attribute("ies.error_name", of: project) == nil)
            bench.fileSystem.release(file.handle)
        }
    }

    /// What the service says, the errno, and whether the name resolves.
    static let refusals: [(Refusal, Int32, FailureClass)] =
        ErrnoTests.refusals.filter { $0.status == 200 || $0.status >= 400 && ![407, 416].contains($0.status) }.map {
            row in
            (
                Refusal(status: row.status, code: row.code ?? "", message: "原因 \(row.status)"), row.errno,
                row.failureClass
            )
        }

    @Test func `each row of the errno table is what a program sees, and its message what people read`() async throws {
        let tasks = Self.refusals.indices.map { TaskID.numbered($0 + 1) }
        try await Workbench.with(tasks.map { SimulatedResult($0, content: .text("done")) }) { bench in
            bench.service.change { $0.authenticates = false }
            let project = try await bench.project
            for (task, (refusal, errno, failureClass)) in zip(tasks, Self.refusals) {
                bench.service.inject(.refusal(refusal), for: task, on: .result, times: nil)
                let error = try await failure { _ = try await bench.cat(task) }
                #expect(error.errno.rawValue == errno, "\(refusal)")
                var place = project
                if failureClass == .refused { place = try await bench.lookUp(task).attributes.inode }
                #expect(
                    try bench.attribute("ies.error_msg", of: place) == String(decoding: refusal.message, as: UTF8.self),
                    "\(refusal)")
                bench.service.clearFaults()
                // Refused credentials are held back for a while, unless someone has looked after them.
                bench.client.reloadCredentials()
                #expect(try await bench.text("\(bench.service.project)/\(task)") == "done", "\(refusal)")
                let inode = try await bench.lookUp(task).attributes.inode
                for place in [inode, project] { #expect(try bench.attribute("ies.error_msg", of: place) == nil) }
            }
        }
    }

    @Test(
        arguments: [
            (.silence, 110), (.reset, 104), (.contentLength("99999999999999999999"), 71),
            (.secondContentLength("5"), 71),
            (.noLength, 71), (.gzip, 71), (.contentRangeChange(offset: 1, total: 0, unit: "bytes"), 5),
            (.transport(.tls("no")), 71),
            (.transport(.nameNotResolved(host: "h")), 113), (.transport(.unreachable("h")), 113),
            (.transport(.connectionRefused("h")), 111), (.status(204), 5), (.redirect(.nowhere), 5),
        ] as [(Fault, Int32)])
    func `what goes wrong on the way is its errno, and told on the directory`(fault: Fault, errno: Int32) async throws {
        let timeout = Duration.milliseconds(fault == .silence ? 300 : 30_000)
        let result = SimulatedResult(task, content: .generated(seed: 1, size: 200_000))
        try await Workbench.with([result], timeout: timeout) { bench in
            bench.service.inject(fault, for: task, on: .result, times: nil)
            let error = try await failure { _ = try await bench.cat(task) }
            #expect(error.errno.rawValue == errno)
            let project = try await bench.project
            #expect(try bench.attribute("ies.error_msg", of: project)?.isEmpty == false)
            #expect(try bench.attribute("ies.error_name", of: project) == task.rawValue)
        }
    }

    @Test func `failures are in the journal, oldest first`() async throws {
        try await Workbench.with([SimulatedResult(task, state: .running)]) { bench in
            _ = try await bench.lookUp(task)
            _ = try? await bench.lookUp(TaskID.numbered(9))
            let lines = try await bench.text(".iesfs/errors").split(separator: "\n")
            struct Line: Decodable { let time, path, errno, code, message, request_id: String, status: Int }
            let decoded = try lines.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
            #expect(decoded.map(\.errno) == ["EIO", "ENOENT"])
            #expect(
                decoded.map(\.path) == [task, .numbered(9)].map { "/\(bench.service.project)/\($0)" })
            #expect(decoded[0].message == "任务正在执行中，请稍后重试")
        }
    }
}
