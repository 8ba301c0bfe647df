// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import IESService
import IESSimulator
import Testing

@testable import IESFetch

/// Whatever the cache's disk does, reads go on.
@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: SmallDisk.isPossible, "needs root, FUSE and loop devices"))
struct DiskFaultTests {
    static let size: Int64 = 24 << 20
    static let content = SimulatedContent.generated(seed: 5, size: size)
    static let bytes = content.bytes() ?? []
    static let first = 0..<Int64(10 << 20)

    private func setup(
        _ disk: SmallDisk, deadline: Duration = .seconds(600), memory: Int = 8 << 20
    ) throws -> (FetcherSetup, ResultID) {
        let setup = try FetcherSetup(
            disk: disk.path,
            cache: { settings in
                settings.limit = 1 << 30
                settings.memory = memory
                settings.diskDeadline = deadline
                settings.diskPause = .milliseconds(200)
            })
        return (setup, setup.add(.sample, Self.content))
    }

    private static func expected(_ range: Range<Int64>) -> [UInt8] {
        Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    /// Reads all of it in pieces and compares; stops at nothing.
    private func check(_ result: FetchedResult, piece: Int64 = 128 << 10) async throws {
        let stream = result.makeStream()
        defer { stream.close() }
        for offset in stride(from: 0, to: Self.size, by: Int(piece)) {
            let range = offset..<min(Self.size, offset + piece)
            let isRight = try await result.bytes(range, for: stream) == Self.expected(range)
            #expect(isRight, "bytes \(range)")
        }
    }

    /// Waits until the cache says that the disk is as wanted.
    private func wait(_ setup: FetcherSetup, until isDone: (CacheUsage) -> Bool) async throws {
        while !isDone(setup.cache.usage()) { try await Task.sleep(for: .milliseconds(20)) }
    }

    @Test func `a disk that others have filled to the last byte fails no read, and is used again when there is room`()
        async throws
    {
        try await SmallDisk.withFull(megabytes: 60) { disk in
            do {
                let (setup, id) = try setup(disk)
                let result = try await setup.fetcher.resolve(id)
                #expect(try await result.bytes(Self.first) == Self.expected(Self.first))
                try await disk.fill()
                try await check(result)
                #expect(setup.cache.usage().used < Self.size)
                disk.unfill()
                try await wait(setup) { usage in
                    _ = try? setup.cache.flush()
                    return usage.disk == .normal && usage.memoryUsed == 0
                }
                try await check(result)
                try setup.cache.flush()
                #expect(setup.cache.usage().used > 16 << 20)
                #expect(setup.cache.usage().disk == .normal)
            }
        }
    }

    @Test func `a disk that becomes read-only fails no read`() async throws {
        try await SmallDisk.withFull(megabytes: 60) { disk in
            let (setup, id) = try setup(disk)
            let other = setup.add(try #require(TaskID(rawValue: "other")), Self.content)
            let result = try await setup.fetcher.resolve(id)
            #expect(try await result.bytes(Self.first) == Self.expected(Self.first))
            try setup.cache.flush()
            try await disk.makeReadOnly()
            try await check(result)
            try await check(try await setup.fetcher.resolve(other))
            #expect(setup.cache.usage().disk != .normal)
            setup.cache.close()
        }
    }

    @Test(arguments: [SmallDisk.Mode.eio, .eioRead])
    func `a disk that gives errors fails no read`(mode: SmallDisk.Mode) async throws {
        try await SmallDisk.withFaulty(megabytes: 60) { disk in
            let (setup, id) = try setup(disk)
            let result = try await setup.fetcher.resolve(id)
            #expect(try await result.bytes(Self.first) == Self.expected(Self.first))
            try setup.cache.flush()
            try await disk.dropCaches()
            disk.setMode(mode)
            try await check(result)
            disk.setMode(.ok)
            try await check(result)
            setup.cache.close()
        }
    }

    @Test func `what was written and lost by the disk is fetched again`() async throws {
        try await SmallDisk.withFaulty(megabytes: 60) { disk in
            let (setup, id) = try setup(disk)
            let result = try await setup.fetcher.resolve(id)
            disk.setMode(.eioWrite)
            // The page cache takes it, and cannot bring it to the disk.
            try await check(result)
            try setup.cache.flush()
            await #expect(throws: CacheError.self) { try await result.file.sync() }
            disk.setMode(.ok)
            try await disk.dropCaches()
            try await check(result)
            setup.cache.close()
        }
    }

    @Test func `a disk that stalls fails no read, holds none up for long, and is used again when it answers`()
        async throws
    {
        try await SmallDisk.withFaulty(megabytes: 60) { disk in
            let (setup, id) = try setup(disk, deadline: .milliseconds(300))
            let result = try await setup.fetcher.resolve(id)
            #expect(try await result.bytes(Self.first) == Self.expected(Self.first))
            try setup.cache.flush()
            try await disk.dropCaches()
            disk.setMode(.stall)
            let start = ContinuousClock.now
            try await check(result)
            #expect(ContinuousClock.now - start < .seconds(60))
            #expect(setup.cache.usage().disk != .normal)
            #expect(setup.cache.usage().memoryUsed <= 8 << 20)
            disk.setMode(.ok)
            // Reads try it again now and then.
            while setup.cache.usage().disk != .normal { try await check(result) }
            try await check(result)
            try setup.cache.flush()
            #expect(setup.cache.usage().memoryUsed == 0)
            setup.cache.close()
        }
    }
}
