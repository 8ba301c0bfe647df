// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import IESSimulator
import Synchronization
import SystemPackage
import Testing

@testable import IESFileSystem

@Suite struct AttributeScenarios {
    private let task = TaskID.numbered(1)

    @Test func `a file carries what the list and the response say of it`() async throws {
        let result = SimulatedResult(
            task, name: "导入问答对", content: .text("a,b\n"), mediaType: "text/csv; charset=utf-8",
            entityTag: .text("\"v1\""), filename: "../a\nb.csv")
        try await Workbench.with([result]) { bench in
            let inode = try await bench.lookUp(task).attributes.inode
            #expect(try bench.attribute("ies.task_name", of: inode) == nil)
            _ = try await bench.list("\(bench.service.project)")
            let expected = [
                "ies.task_name": "导入问答对", "ies.resource": "knowledge-intent-question-create", "ies.task_type": "0",
                "ies.task_status": "SUCCESS", "ies.operator": "simulator", "ies.end_time": "1744276967708",
                "ies.begin_time": "1744276925708", "ies.etag": "\"v1\"", "mime_type": "text/csv", "ies.state": "cached",
                "ies.cached_bytes": "4", "ies.user_id": "5f1d7a3c9b2e4860a1c3e5f708192a3b",
                "xdg.origin.url": "http://127.0.0.1:9/v2/\(bench.service.project)/ies/result/\(task)",
            ]
            for (name, value) in expected { #expect(try bench.attribute(name, of: inode) == value, "\(name)") }
            let filename = try #require(try bench.attribute("ies.filename", of: inode))
            #expect(!filename.contains("\n") && filename.hasSuffix("b.csv"))
            let names = try bench.fileSystem.extendedAttributes(of: inode)
            #expect(
                Set(names)
                    == Set(expected.keys.map { "user.\($0)" }).union(
                        ["filename", "total_count", "success_count", "failure_count"].map { "user.ies.\($0)" }))
            for name in names { _ = try bench.fileSystem.extendedAttribute(name, of: inode) }
        }
    }

    @Test(arguments: ["security.selinux", "system.posix_acl_access", "user.other", "user.", "trusted.x"])
    func `any other attribute is absent`(name: String) async throws {
        try await Workbench.with([SimulatedResult(task, content: .text("x"))]) { bench in
            let file = try await bench.lookUp(task).attributes.inode
            for inode in [.root, try await bench.project, file] {
                let error = try await failure { _ = try bench.fileSystem.extendedAttribute(name, of: inode) }
                #expect(error.errno == .noData)
            }
        }
    }

    @Test func `a message with control characters is escaped, and a huge one cut`() async throws {
        let message = "行一\n\u{1b}[31m" + String(repeating: "长", count: 21_000)
        let refusal = Refusal(code: "MSS.000000001", message: message)
        try await Workbench.with([SimulatedResult(task, state: .refused(refusal))]) { bench in
            let inode = try await bench.lookUp(task).attributes.inode
            let value = try bench.fileSystem.extendedAttribute("user.ies.error_msg", of: inode)
            #expect(value.count <= 65_536)
            #expect(String(decoding: value, as: UTF8.self).hasPrefix("行一\\x0a\\x1b[31m长长"))
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `after any sequence of look-ups and forgets no count is wrong`(seed: UInt64) async throws {
        let results = (1..<9).map { number in
            SimulatedResult(
                .numbered(number), content: .text("\(number)"), state: number % 3 == 0 ? .running : .finished,
                filename: "f\(number % 2)")
        }
        try await Workbench.with(results, errorTTL: .seconds(1000)) { bench in
            var random = SeededRandom(seed: seed)
            var model: [InodeNumber: UInt64] = [:]
            let root = bench.fileSystem
            let top = try await root.lookUp(bench.service.project.rawValue, in: .root).attributes.inode
            let links = try await root.lookUp(".by-name", in: top).attributes.inode
            (model[top], model[links]) = (1, 1)
            for _ in 0..<500 {
                let choice = Int.random(in: 0..<4, using: &random)
                if choice < 3 {
                    let number = Int.random(in: 1...10, using: &random)
                    let name = choice < 2 ? TaskID.numbered(number).rawValue : ["f0", "f1", "f1 (2)"][number % 3]
                    guard let entry = try? await root.lookUp(name, in: choice < 2 ? top : links) else { continue }
                    model[entry.attributes.inode, default: 0] += 1
                } else {
                    let known = model.keys.filter { $0 != top && $0 != links }
                    guard let inode = known.randomElement(using: &random), let count = model[inode] else { continue }
                    let given = UInt64.random(in: 1...count, using: &random)
                    root.forget(inode, lookUps: given)
                    model[inode] = count == given ? nil : count - given
                }
                expectCounts(model, in: root)
            }
            for (inode, count) in model { root.forget(inode, lookUps: count) }
            expectCounts([:], in: root)
        }
    }

    private func expectCounts(_ model: [InodeNumber: UInt64], in fileSystem: ResultFileSystem) {
        let table = fileSystem.inodes.withLock { $0 }
        #expect(table.count == model.count)
        for (inode, count) in model { #expect(table.lookUps(of: inode) == count) }
    }
}
