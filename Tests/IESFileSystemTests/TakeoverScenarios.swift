// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import Synchronization
import SystemPackage
import Testing

@testable import IESFileSystem

/// One worker after another on the same mount.
@Suite struct TakeoverScenarios {
    private let task = TaskID.numbered(1)
    private let content = SimulatedContent.generated(seed: 9, size: 300_000)
    private static let resent: UInt64 = 1 << 63

    private func with(_ body: (Workbench) async throws -> Workbench) async throws {
        try await Workbench.with([SimulatedResult(task, content: content, filename: "a.bin")]) { bench in
            let last = try await body(bench)
            await last.stop()
        }
    }

    @Test func `an open file is read on by the next worker, and closed there`() async throws {
        try await with { first in
            let inode = try await first.lookUp(task).attributes.inode
            let file = try await first.fileSystem.open(inode, writing: false, request: RequestNumber(unique: 40))
            let bytes = try #require(content.bytes())
            let next = try await first.succeeded()
            #expect(try await next.read(file.handle, at: 1000, count: 5000) == Array(bytes[1000..<6000]))
            let third = try await next.succeeded()
            third.fileSystem.flush(file.handle)
            third.fileSystem.release(file.handle)
            let error = try await failure { _ = try await third.read(file.handle, at: 0, count: 10) }
            #expect(error.errno == .badFileDescriptor)
            // Sent again to a worker that finds it done.
            let fourth = try await third.succeeded()
            fourth.fileSystem.release(file.handle)
            #expect(fourth.fileSystem.handles.withLock { $0.count } == 0)
            return fourth
        }
    }

    @Test func `an OPEN that is sent again gets the handle that was made for it, once`() async throws {
        try await with { first in
            let inode = try await first.lookUp(task).attributes.inode
            let request = RequestNumber(unique: 77)
            let file = try await first.fileSystem.open(inode, writing: false, request: request)
            let project = try await first.project
            let directory = try await first.fileSystem.openDirectory(project, request: RequestNumber(unique: 78))

            let next = try await first.succeeded()
            let again = RequestNumber(unique: 77 | Self.resent)
            #expect(try next.fileSystem.openNow(inode, writing: false, request: again) == file)
            let listing = try next.fileSystem.openDirectoryNow(
                project, request: RequestNumber(unique: 78 | Self.resent))
            #expect(listing == directory)
            #expect(next.fileSystem.handles.withLock { $0.count } == 2)
            // Another request by that number, and one that was not sent before.
            for request in [again, RequestNumber(unique: 78), RequestNumber(unique: 79 | Self.resent)] {
                let other = try await next.fileSystem.open(inode, writing: false, request: request)
                #expect(other.handle != file.handle && other.handle != directory)
            }
            return next
        }
    }

    @Test func `numbers, counts and attributes that were told hold for the next worker`() async throws {
        try await with { first in
            first.service.add(SimulatedResult(TaskID.numbered(2), state: .failed))
            let entries = [
                try await first.lookUp(task), try await first.lookUp(task), try await first.lookUp(TaskID.numbered(2)),
                try await first.lookUp("\(first.service.project)/.by-name/a.bin"),
            ]
            // Project and links' directory were looked up too.
            let next = try await first.succeeded()
            for entry in entries {
                let inode = entry.attributes.inode
                #expect(try next.fileSystem.attributes(of: inode).0 == entry.attributes)
            }
            let inode = entries[0].attributes.inode
            next.fileSystem.forget(inode, lookUps: 1)
            #expect(next.fileSystem.inodes.withLock { $0.lookUps(of: inode) } == 1)
            let third = try await next.succeeded()
            #expect(third.fileSystem.inodes.withLock { $0.lookUps(of: inode) } == 1)
            third.fileSystem.forget(inode, lookUps: 1)
            #expect(third.fileSystem.inodes.withLock { $0.lookUps(of: inode) } == 0)
            return third
        }
    }

    @Test func `a number that nobody told is ESTALE`() async throws {
        try await with { first in
            let next = try await first.succeeded()
            let error = try await failure { _ = try next.fileSystem.attributes(of: InodeNumber(rawValue: 424_242)) }
            #expect(error.errno == .staleNFSFileHandle)
            return next
        }
    }

    @Test func `a directory that is being read goes on at its place`() async throws {
        try await with { first in
            for number in 2..<40 {
                first.service.add(SimulatedResult(TaskID.numbered(number), content: .text("\(number)")))
            }
            let handle = try await first.fileSystem.openDirectory(try await first.project)
            let all = try first.entries(handle)
            #expect(all.count == 41)
            let start = try first.entries(handle, count: 17)
            let next = try await first.succeeded()
            let rest = try next.entries(handle, from: start[16].nextOffset)
            #expect((start + rest).map(\.name) == all.map(\.name))
            #expect((start + rest).map(\.nextOffset) == all.map(\.nextOffset))
            next.fileSystem.releaseDirectory(handle)
            return next
        }
    }

    @Test func `of a version that is not the newest the next worker reads what is held, and the rest is ESTALE`()
        async throws
    {
        let large = SimulatedContent.generated(seed: 10, size: 1_000_000)
        try await with { first in
            first.service.replace(task, with: large)
            let inode = try await first.lookUp(task).attributes.inode
            let file = try await first.fileSystem.open(inode, writing: false)
            let old = try #require(large.bytes())
            #expect(try await first.read(file.handle, at: 0, count: 1000) == Array(old[..<1000]))
            first.service.replace(task, with: content)
            _ = try await failure { _ = try await first.read(file.handle, at: 900_000, count: 1000) }
            #expect(try await first.cat(task) == content.bytes())

            let next = try await first.succeeded()
            #expect(try await next.read(file.handle, at: 0, count: 1000) == Array(old[..<1000]))
            let error = try await failure { _ = try await next.read(file.handle, at: 900_000, count: 1000) }
            #expect(error.errno == .staleNFSFileHandle)
            return next
        }
    }
}
