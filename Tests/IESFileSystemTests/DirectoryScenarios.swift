// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import IESSimulator
import Synchronization
import SystemPackage
import Testing

@testable import IESFileSystem

@Suite struct DirectoryScenarios {
    private func results(_ numbers: Range<Int>) -> [SimulatedResult] {
        numbers.map { SimulatedResult(.numbered($0), content: .text("\($0)")) }
    }

    private func names(_ numbers: Range<Int>) -> Set<String> { Set(numbers.map { TaskID.numbered($0).rawValue }) }

    @Test func `a project lists its tasks and what the cache knows, each once`() async throws {
        let unlisted = SimulatedResult(.numbered(500), content: .text("x"), isListed: false)
        try await Workbench.with(results(1..<26) + [unlisted]) { bench in
            _ = try await bench.lookUp(TaskID.numbered(3))
            #expect(try await bench.names("\(bench.service.project)") == names(1..<26))
            _ = try await bench.lookUp(unlisted.task)
            let entries = try await bench.list("\(bench.service.project)")
            #expect(Set(entries.map(\.name)) == names(1..<26).union([unlisted.task.rawValue, ".", ".."]))
            #expect(entries.count == 28)
            #expect(entries.prefix(2).map(\.name) == [".", ".."])
            #expect(entries.allSatisfy { $0.inode.rawValue != 0 })
            // Only what was looked up is known in full.
            #expect(
                Set(entries.filter { $0.entry != nil }.map(\.name)) == [
                    TaskID.numbered(3).rawValue, unlisted.task.rawValue,
                ])
        }
    }

    @Test func `reading on from any offset gives the rest`() async throws {
        try await Workbench.with(results(1..<30)) { bench in
            let fileSystem = bench.fileSystem
            let handle = try await fileSystem.openDirectory(try await bench.project)
            let all = try bench.entries(handle)
            for (position, entry) in all.enumerated() {
                let rest = try bench.entries(handle, from: entry.nextOffset).map(\.name)
                #expect(rest == all[(position + 1)...].map(\.name))
            }
            #expect(try bench.entries(handle, count: 3).map(\.name) == all.prefix(3).map(\.name))
            fileSystem.releaseDirectory(handle)
            let error = try await failure { _ = try bench.entries(handle) }
            #expect(error.errno == .badFileDescriptor)
        }
    }

    @Test func `an entry that went into a reply counts as a look-up`() async throws {
        try await Workbench.with(results(1..<2)) { bench in
            let task = TaskID.numbered(1)
            let inode = try await bench.lookUp(task).attributes.inode
            let entry = try #require(
                try await bench.list("\(bench.service.project)").first { $0.name == task.rawValue })
            #expect(entry.entry?.attributes == (try bench.fileSystem.attributes(of: inode).0))
            bench.fileSystem.remember(entry)
            #expect(bench.fileSystem.inodes.withLock { $0.lookUps(of: inode) } == 2)
        }
    }

    @Test func `a list holds for list_ttl, and is asked for once however many wait`() async throws {
        try await Workbench.with(results(1..<4)) { bench in
            let path = "\(bench.service.project)"
            bench.service.change { $0.latency = .milliseconds(50) }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await bench.names(path).count } }
                for try await count in group { #expect(count == 3) }
            }
            let lists = bench.service.log.entries.filter { $0.operation == "list" }.count
            for result in results(4..<6) { bench.service.add(result) }
            #expect(try await bench.names(path).count == 3)
            #expect(bench.service.log.entries.filter { $0.operation == "list" }.count == lists)
            bench.elapsed.pass(.seconds(61))
            #expect(try await bench.names(path) == names(1..<6))
        }
    }

    @Test func `a refused list leaves the directory usable and says why`() async throws {
        try await Workbench.with(results(1..<4), errorTTL: .seconds(5)) { bench in
            let path = "\(bench.service.project)"
            let refusal = Refusal(status: 403, code: "APIG.0302", message: "无权查询")
            bench.service.inject(.refusal(refusal), on: .list, times: nil)
            _ = try await bench.lookUp(TaskID.numbered(2))
            #expect(try await bench.names(path) == names(2..<3))
            let project = try await bench.project
            #expect(try bench.attribute("ies.error_msg", of: project) == "无权查询")
            #expect(try bench.attribute("ies.errno", of: project) == "EACCES")
            #expect(try bench.attribute("ies.error_name", of: project) == nil)
            bench.service.clearFaults()
            #expect(try await bench.names(path) == names(2..<3))
            bench.elapsed.pass(.seconds(6))
            #expect(try await bench.names(path) == names(1..<4))
            #expect(try bench.attribute("ies.error_msg", of: project) == nil)
        }
    }

    @Test func `without a network an earlier worker's list is shown`() async throws {
        try await Workbench.with(results(1..<4)) { first in
            let path = "\(first.service.project)"
            #expect(try await first.names(path) == names(1..<4))
            let second = try await first.restarted()
            second.service.inject(.transport(.unreachable("127.0.0.1")), times: nil)
            #expect(try await second.names(path) == names(1..<4))
            await second.stop()
        }
    }

    @Test func `an old list is shown while a new one takes its time`() async throws {
        try await Workbench.with(results(1..<4)) {
            $0.listPatience = .zero
        } _: { bench in
            let path = "\(bench.service.project)"
            _ = try await bench.names(path)
            let project = try await bench.project
            bench.service.inject(.silence, on: .list, times: nil)
            bench.elapsed.pass(.seconds(61))
            let seen = bench.service.log.count
            #expect(try await bench.names(path) == names(1..<4))
            try await bench.service.log.wait(for: .arrived(seen + 1))
            #expect(try bench.fileSystem.openDirectoryNow(project) != nil)
        }
    }

    @Test func `with nolist nobody is asked`() async throws {
        try await Workbench.with(results(1..<4)) {
            $0.listsTasks = false
        } _: { bench in
            let path = "\(bench.service.project)"
            #expect(try await bench.names(path) == [])
            #expect(bench.service.log.count == 0)
            _ = try await bench.lookUp(TaskID.numbered(2))
            #expect(try await bench.names(path) == names(2..<3))
        }
    }

    @Test func `opening a directory can be interrupted`() async throws {
        try await Workbench.with { bench in
            bench.service.inject(.silence, on: .list, times: nil)
            let project = try await bench.project
            let opening = Task {
                try await failure { _ = try await bench.fileSystem.openDirectory(project) }
            }
            try await bench.service.log.wait(for: .arrived(1))
            opening.cancel()
            #expect(try await opening.value.errno == .interrupted)
        }
    }

    @Test func `the root lists projects that are configured, or cached, or answered for`() async throws {
        let other = try #require(ProjectID(rawValue: "ffffffffffffffffffffffffffffffff"))
        try await Workbench.with(results(1..<2)) { first in
            #expect(try await first.names("") == [])
            _ = try await first.lookUp("\(other)")
            #expect(try await first.names("") == [])
            _ = try await first.list("\(first.service.project)")
            #expect(try await first.names("") == [first.service.project.rawValue])
            _ = try await first.lookUp(TaskID.numbered(1))
            let second = try await first.restarted()
            #expect(try await second.names("") == [second.service.project.rawValue])
            let third = try await second.restarted { $0.projects = [other] }
            #expect(try await third.names("") == [other.rawValue])
            let error = try await failure { _ = try await third.lookUp("\(third.service.project)") }
            #expect(error.errno == .noSuchFileOrDirectory)
            await third.stop()
        }
    }

    @Test func `.by-name has a link for each file name, and is not listed itself`() async throws {
        let results = [
            SimulatedResult(.numbered(1), content: .text("1"), filename: "report.xlsx"),
            SimulatedResult(.numbered(2), content: .text("2"), filename: "report.xlsx"),
            SimulatedResult(.numbered(3), content: .text("3"), filename: "问答对.csv"),
            SimulatedResult(.numbered(4), content: .text("4")),
        ]
        try await Workbench.with(results) { bench in
            let path = "\(bench.service.project)/.by-name"
            #expect(try await bench.names(path) == [])
            for result in results { _ = try await bench.lookUp(result.task) }
            #expect(try await bench.names(path) == ["report.xlsx", "report (2).xlsx", "问答对.csv"])
            #expect(try await bench.names("\(bench.service.project)").contains(".by-name") == false)
            let link = try await bench.lookUp("\(path)/问答对.csv").attributes
            #expect(link.kind == .symbolicLink && link.permissions == 0o777)
            #expect(try bench.fileSystem.readLink(link.inode) == "../\(TaskID.numbered(3))")
            #expect(link.size == 35)
            #expect(try bench.fileSystem.extendedAttributes(of: link.inode) == [])
            let error = try await failure { _ = try await bench.lookUp("\(path)/other.csv") }
            #expect(error.errno == .noSuchFileOrDirectory)
            bench.service.add(SimulatedResult(.numbered(5), content: .text("5"), filename: "new.csv"))
            _ = try await bench.lookUp(TaskID.numbered(5))
            #expect(try await bench.names(path).contains("new.csv"))
        }
    }

    @Test(arguments: [
        ".Trash", ".git", ".hidden", "autorun.inf", "desktop.ini", "Thumbs.db", "BDMV", "-x", "a b", "任务", ".directory",
    ])
    func `a name that cannot be an id is absent without a request`(name: String) async throws {
        try await Workbench.with { bench in
            let project = try await bench.project
            for parent in [.root, project] {
                let error = try await failure { _ = try bench.fileSystem.lookUpNow(name, in: parent) }
                #expect(error.errno == .noSuchFileOrDirectory)
                #expect(error.isExpected)
            }
            #expect(bench.service.log.count == 0)
        }
    }

    @Test func `the mount tells of itself below .iesfs, which is not listed`() async throws {
        try await Workbench.with { bench in
            #expect(try await bench.names("").isEmpty)
            #expect(try await bench.names(".iesfs") == ["status", "errors"])
            let entry = try await bench.lookUp(".iesfs/status")
            #expect(entry.attributesTimeout == .zero)
            let file = try await bench.fileSystem.open(entry.attributes.inode, writing: false)
            #expect(file.directIO && !file.keepCache)
            let text = String(decoding: try await bench.read(file.handle, at: 0, count: 10_000), as: UTF8.self)
            let lines = text.split(separator: "\n")
            for line in [
                "version: 1.2.3", "endpoint: http://127.0.0.1:9", "uptime: 0 s", "cache limit: 67108864 bytes",
                "cache limit in force: 67108864 bytes", "cache disk: normal", "cache evicted: 0 bytes",
                "service: not asked yet", "cache pinned: 0 bytes", "cache pinned results: 0",
                "failures since the mount: 0", "passthrough: off: the kernel has not been asked yet",
                "colour: a test's",
            ] { #expect(lines.contains { $0 == line }, "\(line)") }
            #expect(entry.attributes.size > 100)
            #expect(try await bench.read(file.handle, at: 3, count: 4) == Array("sion".utf8))
            #expect(try await bench.cat(".iesfs/errors").isEmpty)
            let error = try await failure { _ = try await bench.lookUp(".iesfs/other") }
            #expect(error.errno == .noSuchFileOrDirectory)
            #expect(bench.service.log.count == 0)
        }
    }

    @Test func `df shows the cache`() async throws {
        try await Workbench.with(results(1..<2)) { bench in
            let statistics = bench.fileSystem.statistics()
            #expect(statistics.totalBlocks * UInt64(statistics.blockSize) == 64 << 20)
            #expect(statistics.freeBlocks > 0 && statistics.freeBlocks <= statistics.totalBlocks)
            #expect(statistics.maximumNameLength == 255)
        }
    }
}
