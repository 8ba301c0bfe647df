// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import IESSimulator
import Synchronization
import SystemPackage
import Testing

@testable import IESFileSystem

@Suite struct ReadingScenarios {
    private let task = TaskID.numbered(1)

    @Test func `a finished result is a file with the right size and bytes`() async throws {
        let content = SimulatedContent.generated(seed: 1, size: 300_001)
        try await Workbench.with([SimulatedResult(task, content: content)]) { bench in
            let entry = try await bench.lookUp(task)
            #expect(entry.attributes.kind == .file)
            #expect(entry.attributes.permissions == 0o444)
            #expect(entry.attributes.links == 1)
            #expect(entry.attributes.size == 300_001)
            #expect(entry.attributes.blocks == 586)
            #expect(entry.entryTimeout == .seconds(3600) && entry.attributesTimeout == .seconds(3600))
            let bytes = try await bench.cat(task)
            #expect(bytes == content.bytes())
            #expect(try bench.attribute("ies.state", of: entry.attributes.inode) == "cached")
            #expect(try bench.attribute("ies.cached_bytes", of: entry.attributes.inode) == "300001")
        }
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537] as [Int64])
    func `results of every size read in full, and nothing beyond their end`(size: Int64) async throws {
        let content = SimulatedContent.generated(seed: 3, size: size)
        try await Workbench.with([SimulatedResult(task, content: content)]) { bench in
            #expect(try await bench.lookUp(task).attributes.size == size)
            let bytes = try await bench.cat(task)
            #expect(bytes == content.bytes())
            let file = try await bench.fileSystem.open(try await bench.lookUp(task).attributes.inode, writing: false)
            #expect(file.keepCache && !file.directIO)
            #expect(try await bench.read(file.handle, at: size, count: 10) == [])
            #expect(try await bench.read(file.handle, at: size + 100, count: 10) == [])
            bench.fileSystem.release(file.handle)
        }
    }

    @Test func `a result that was looked up once needs no request to be looked up again, also after a restart`()
        async throws
    {
        let content = SimulatedContent.generated(seed: 1, size: 1000)
        try await Workbench.with([SimulatedResult(task, content: content)]) { first in
            let entry = try await first.lookUp(task)
            let read = try await first.cat(task)
            let second = try await first.restarted()
            second.service.log.reset()
            let project = try second.fileSystem.lookUpNow(second.service.project.rawValue, in: .root)
            let again = try second.fileSystem.lookUpNow(task.rawValue, in: try #require(project).attributes.inode)
            #expect(again == entry)
            let bytes = try await second.cat(task)
            #expect(bytes == read)
            #expect(second.service.log.count == 0)
            await second.stop()
        }
    }

    @Test func `inodes are those of an earlier worker, and a number it told is still understood`() async throws {
        let tasks = [task, TaskID.numbered(2)]
        let results = [
            SimulatedResult(tasks[0], content: .text("a"), filename: "报告.csv"),
            SimulatedResult(tasks[1], state: .running),
        ]
        try await Workbench.with(results) { first in
            let paths = [
                "\(first.service.project)", "\(first.service.project)/.by-name/报告.csv", ".iesfs", ".iesfs/status",
            ]
            var entries: [Entry] = []
            for task in tasks { entries.append(try await first.lookUp(task)) }
            for path in paths { entries.append(try await first.lookUp(path)) }
            #expect(Set(entries.map(\.attributes.inode)).count == 6)
            let second = try await first.restarted()
            for entry in entries {
                let (attributes, _) = try second.fileSystem.attributes(of: entry.attributes.inode)
                #expect(attributes.inode == entry.attributes.inode)
                #expect(attributes.kind == entry.attributes.kind)
                if entry.attributes.inode != entries.last?.attributes.inode { #expect(attributes == entry.attributes) }
            }
            let file = try await second.fileSystem.open(entries[0].attributes.inode, writing: false)
            #expect(try await second.read(file.handle, at: 0, count: 9) == [UInt8(ascii: "a")])
            var again: [InodeNumber] = []
            for task in tasks { again.append(try await second.lookUp(task).attributes.inode) }
            for path in paths { again.append(try await second.lookUp(path).attributes.inode) }
            #expect(again == entries.map(\.attributes.inode))
            await second.stop()
        }
    }

    @Test func `an inode that nobody was told of is stale`() async throws {
        try await Workbench.with { bench in
            for number in [2, 77, .max] as [UInt64] {
                let inode = InodeNumber(rawValue: number)
                #expect(throws: FileSystemError.self) { try bench.fileSystem.attributes(of: inode) }
                let error = try await failure { _ = try bench.fileSystem.lookUpNow("a", in: inode) }
                #expect(error.errno == .staleNFSFileHandle)
                let opening = try await failure { _ = try await bench.fileSystem.open(inode, writing: false) }
                #expect(opening.errno == .staleNFSFileHandle)
            }
        }
    }

    @Test func `every attempt to write is EROFS, and asks nobody`() async throws {
        try await Workbench.with([SimulatedResult(task, content: .text("x"))]) { bench in
            let inode = try await bench.lookUp(task).attributes.inode
            bench.service.log.reset()
            let error = try await failure { _ = try await bench.fileSystem.open(inode, writing: true) }
            #expect(error.errno == .readOnlyFileSystem)
            #expect(bench.service.log.count == 0)
        }
    }

    @Test func `owner, group and umask are the mount's`() async throws {
        try await Workbench.with([SimulatedResult(task, content: .text("x"))]) { settings in
            settings.userID = 1000
            settings.groupID = 100
            settings.umask = 0o027
        } _: { bench in
            let file = try await bench.lookUp(task).attributes
            let (root, _) = try bench.fileSystem.attributes(of: .root)
            #expect(file.permissions == 0o440)
            #expect(root.permissions == 0o550)
            #expect(file.userID == 1000 && file.groupID == 100 && root.userID == 1000)
        }
    }

    @Test func `mtime is the task's end when it was listed before`() async throws {
        let end = Date(timeIntervalSince1970: 1_700_000_000.25)
        var details = TaskDetails()
        details.end = end
        let result = SimulatedResult(
            task, content: .text("x"), lastModified: Date(timeIntervalSince1970: 1_600_000_000), details: details)
        try await Workbench.with([result]) { bench in
            _ = try await bench.list("\(bench.service.project)")
            #expect(
                try await bench.lookUp(task).attributes.modified
                    == FileTime(seconds: 1_700_000_000, nanoseconds: 250_000_000))
        }
    }

    @Test func `mtime is Last-Modified when nothing else was known, and never changes again`() async throws {
        let told = FileTime(seconds: 1_600_000_000)
        let result = SimulatedResult(
            task, content: .text("x"), lastModified: Date(timeIntervalSince1970: 1_600_000_000))
        try await Workbench.with([result]) { first in
            #expect(try await first.lookUp(task).attributes.modified == told)
            _ = try await first.list("\(first.service.project)")
            let inode = try await first.lookUp(task).attributes.inode
            #expect(try first.fileSystem.attributes(of: inode).0.modified == told)
            let second = try await first.restarted()
            #expect(try await second.lookUp(task).attributes.modified == told)
            await second.stop()
        }
    }

    @Test func `a result that changes gets another inode, and no handle shows both contents`() async throws {
        let old = SimulatedContent.generated(seed: 1, size: 900_000)
        let new = SimulatedContent.generated(seed: 2, size: 800_000)
        try await Workbench.with([SimulatedResult(task, content: old)]) { bench in
            let invalid = Mutex<[String]>([])
            let parent = try await bench.project
            bench.fileSystem.onInvalidEntry = { inode, name in
                if inode == parent { invalid.withLock { $0.append(name) } }
            }
            let before = try await bench.lookUp(task)
            let file = try await bench.fileSystem.open(before.attributes.inode, writing: false)
            let oldBytes = try #require(old.bytes())
            #expect(try await bench.read(file.handle, at: 0, count: 1000) == Array(oldBytes[..<1000]))
            bench.service.replace(task, with: new)
            let error = try await failure { _ = try await bench.read(file.handle, at: 700_000, count: 1000) }
            #expect(error.errno == .staleNFSFileHandle)
            #expect(invalid.withLock { $0 } == [task.rawValue])

            let after = try await bench.lookUp(task)
            #expect(after.attributes.inode != before.attributes.inode)
            #expect(after.attributes.size == 800_000)
            #expect(try bench.fileSystem.attributes(of: before.attributes.inode).0 == before.attributes)
            let bytes = try await bench.cat(task)
            #expect(bytes == new.bytes())
            #expect(try await bench.read(file.handle, at: 0, count: 1000) == Array(oldBytes[..<1000]))
            let opening = try await failure {
                _ = try await bench.fileSystem.open(before.attributes.inode, writing: false)
            }
            #expect(opening.errno == .staleNFSFileHandle)
            bench.fileSystem.release(file.handle)
        }
    }

    @Test func `a read that is cancelled is EINTR and leaves no failure behind`() async throws {
        try await Workbench.with([SimulatedResult(task, content: .generated(seed: 1, size: 500_000))]) { bench in
            let inode = try await bench.lookUp(task).attributes.inode
            let file = try await bench.fileSystem.open(inode, writing: false)
            bench.service.inject(.silence, for: task, on: .result, times: nil)
            let seen = bench.service.log.count(of: task)
            let reading = Task {
                try await failure { _ = try await bench.read(file.handle, at: 400_000, count: 100) }
            }
            try await bench.service.log.wait(for: .arrived(seen + 1, task: task))
            reading.cancel()
            #expect(try await reading.value.errno == .interrupted)
            #expect(try bench.attribute("ies.error_msg", of: inode) == nil)
            bench.fileSystem.release(file.handle)
        }
    }

    @Test func `a look-up that is cancelled is EINTR`() async throws {
        try await Workbench.with([SimulatedResult(task, content: .text("x"))]) { bench in
            bench.service.inject(.silence, for: task, on: .result, times: nil)
            let project = try await bench.project
            let looking = Task {
                try await failure { _ = try await bench.fileSystem.lookUp(task.rawValue, in: project) }
            }
            try await bench.service.log.wait(for: .arrived(1, task: task))
            looking.cancel()
            #expect(try await looking.value.errno == .interrupted)
            #expect(try bench.attribute("ies.error_msg", of: project) == nil)
        }
    }
}
