// SPDX-License-Identifier: Apache-2.0

import GRDB
import IESCache
import Synchronization
import SystemPackage
import Testing

/// `iesfs cache verify`: every block is read again, whatever was believed of it.
@Suite struct VerificationTests {
    static let block = 65_536
    static let data = content(block * 3 + 100, seed: 3)

    private static func find(_ task: String, in cache: BlockCache) async throws -> CachedResult {
        try #require(try await cache.versions(of: ResultKey(project: "p", task: task)).last)
    }

    /// Flips a bit of the one data file.
    private static func flip(at offset: Int64, in scratch: Scratch) throws {
        let path = try #require(Scratch.files(scratch.cachePath.appending("data")).first)
        let byte = try Scratch.read(path)[Int(offset)]
        try Scratch.overwrite(path, at: offset, [byte ^ 0x10])
    }

    @Test(arguments: [false, true])
    func `a flipped bit is found, also in a block that was verified, and its block alone is dropped`(
        isReopened: Bool
    ) async throws {
        let scratch = try Scratch()
        var cache = try scratch.open()
        try cache.file(for: cache.add("a", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
        if isReopened {
            cache.close()
            cache = try scratch.open()
        }
        let found = try await Self.find("a", in: cache)
        let read = Atomic<Int64>(0)
        let before = try await cache.verify(found) { read.add($0, ordering: .relaxed) }
        #expect(before == .init(blocks: 4, bytes: Int64(Self.data.count), wrong: []))
        #expect(read.load(ordering: .relaxed) == Int64(Self.data.count))

        try cache.flush()
        try Self.flip(at: Int64(Self.block) + 7, in: scratch)
        let after = try await cache.verify(found) { _ in }
        #expect(after.blocks == 4 && after.wrong == [1])
        #expect(cache.usage().damagedBlocks == 1)
        let file = try cache.file(for: found.record)
        #expect(file.missing(in: 0..<file.size) == [65_536..<131_072])
        #expect(cache.usage().used == 3 * 65_536 - 65_536 + 4_096)
        #expect(try await file.bytes(131_072, 65_536 + 100) == Array(Self.data[131_072...]))
        #expect(try await cache.verify(found) { _ in } == .init(blocks: 3, bytes: 131_172, wrong: []))
    }

    @Test func `a data file that has gone is wrong in every block`() async throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open()
            try cache.file(for: cache.add("a", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
            cache.close()
        }
        for file in Scratch.files(scratch.cachePath.appending("data")) { Scratch.remove(file) }
        let cache = try scratch.open()
        let verification = try await cache.verify(Self.find("a", in: cache)) { _ in }
        #expect(verification.wrong == [0, 1, 2, 3])
        #expect(cache.usage().used == 0)
    }

    @Test func `it does not count as a use`() async throws {
        let scratch = try Scratch()
        let time = Mutex<Int64>(1_000)
        func change(_ settings: inout CacheSettings) {
            settings.limit = Int64(Self.block * 9)
            settings.now = { time.withLock { $0 } }
        }
        let data = Array(Self.data[..<(Self.block * 3)])
        do {
            let cache = try scratch.open("cache", change)
            for task in ["a", "b"] {
                time.withLock { $0 += 100 }
                try cache.file(for: cache.add(task, size: data.count)).store(data, 0..<data.count)
            }
            cache.close()
        }
        let cache = try scratch.open("cache", change)
        time.withLock { $0 += 100 }
        let oldest = try await Self.find("a", in: cache)
        #expect(try await cache.verify(oldest) { _ in }.wrong.isEmpty)
        try cache.flush()
        #expect(try await Self.find("a", in: cache).lastUse == oldest.lastUse)
        for task in ["c", "d"] { try cache.file(for: cache.add(task, size: data.count)).store(data, 0..<data.count) }
        #expect(try cache.file(for: oldest.record).heldBytes == 0)
        #expect(try await Self.find("b", in: cache).space > 0)
    }

    @Test func `of a file that the kernel reads by itself a wrong block is dropped without a hole`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: cache.add("a", size: Self.data.count))
        try file.store(Self.data, 0..<Self.data.count)
        file.settle()
        while !file.isSettled { try await Task.sleep(for: .milliseconds(2)) }
        try #require(file.pin())
        try Self.flip(at: 7, in: scratch)
        #expect(try await cache.verify(Self.find("a", in: cache)) { _ in }.wrong == [0])
        let path = try #require(Scratch.files(scratch.cachePath.appending("data")).first)
        #expect(try Scratch.read(path)[8..<100] == Self.data[8..<100])
        #expect(!file.isSettled && file.missing(in: 0..<file.size) == [0..<65_536])
        file.unpin()
    }
}
