// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import Synchronization
import SystemPackage
import Testing

/// The cache's limit holds before each write, and what was used longest ago makes room.
@Suite struct LimitTests {
    static let block = 65_536

    private final class Sampler: Sendable {
        let isDone = Atomic(false)
        let highest = Atomic<Int64>(0)
    }

    private final class Clock: Sendable { let time = Atomic<Int64>(1_000) }

    /// What the data files take on the disk, in bytes.
    static func space(_ scratch: Scratch) -> Int64 {
        Scratch.files(scratch.cachePath.appending("data")).reduce(0) { sum, file in
            var status = stat()
            return stat(file.string, &status) == 0 ? sum + Int64(status.st_blocks) * 512 : sum
        }
    }

    @Test func `results used longest ago go whole, and their space is given back`() async throws {
        let scratch = try Scratch()
        let clock = Clock()
        let limit = Int64(Self.block * 10)
        let data = content(Self.block * 3, seed: 1)
        do {
            let cache = try scratch.open {
                $0.limit = limit; $0.now = { clock.time.load(ordering: .relaxed) }
            }
            for task in ["a", "b", "c"] {
                clock.time.add(100, ordering: .relaxed)
                try cache.file(for: cache.add(task, size: data.count)).store(data, 0..<data.count)
            }
            // The first is used once more.
            clock.time.add(100, ordering: .relaxed)
            #expect(
                try await cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: "a")))).bytes(0, 10)
                    != nil)
            cache.close()
        }
        for isReopened in [true, false] {
            let cache = try scratch.open {
                $0.limit = limit; $0.now = { clock.time.load(ordering: .relaxed) }
            }
            if isReopened {
                try cache.file(for: cache.add("d", size: data.count)).store(data, 0..<data.count)
            }
            func held(_ task: String) throws -> Int64 {
                try cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: task)))).heldBytes
            }
            #expect(try held("b") == 0)
            #expect(try ["a", "c", "d"].map(held) == [196_608, 196_608, 196_608])
            #expect(cache.usage().used == Self.space(scratch))
            #expect(Self.space(scratch) <= limit)
            cache.close()
        }
    }

    @Test func `a result larger than the cache is read through, by block`() async throws {
        let scratch = try Scratch()
        let limit = Int64(Self.block * 8)
        let cache = try scratch.open { $0.limit = limit }
        let data = content(Self.block * 50 + 77, seed: 2)
        let file = try cache.file(for: cache.add("t", size: data.count))
        for start in stride(from: 0, to: data.count, by: 20_000) {
            let end = min(data.count, start + 20_000)
            try file.store(data, start..<end)
            #expect(try await file.bytes(start, end - start) == Array(data[start..<end]))
            #expect(Self.space(scratch) <= limit)
        }
        #expect(file.heldBytes >= limit / 2)
        #expect(cache.usage().used == Self.space(scratch))
        #expect(cache.usage().evicted > 0)
        // What was evicted is missing, and what is left is right, also for the next run.
        cache.close()
        let next = try scratch.open { $0.limit = limit }
        let again = try next.file(for: file.record)
        #expect(again.heldBytes == file.heldBytes)
        for range in again.missing(in: 0..<Int64(data.count)) {
            #expect(try await again.bytes(Int(range.lowerBound), 1) == nil)
        }
        for block in 0..<50 {
            let bytes = try await again.bytes(block * Self.block, Self.block)
            #expect(bytes == nil || bytes == Array(data[block * Self.block..<(block + 1) * Self.block]))
        }
        #expect(next.usage().damagedBlocks == 0)
    }

    @Test func `blocks that are read stay, those that are not go`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.limit = Int64(Self.block * 8) }
        let data = content(Self.block * 30, seed: 3)
        let file = try cache.file(for: cache.add("t", size: data.count))
        try file.store(data, 0..<Self.block)
        for block in 1..<30 {
            try file.store(data, block * Self.block..<(block + 1) * Self.block)
            #expect(try await file.bytes(0, 100) == Array(data[..<100]))
        }
    }

    @Test func `what is pinned is not evicted, and then nothing more is written`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open {
            $0.limit = Int64(Self.block * 4); $0.diskPause = .milliseconds(1)
        }
        let data = content(Self.block * 4, seed: 4)
        let pinned = try cache.file(for: cache.add("pinned", size: data.count))
        try pinned.store(data, 0..<data.count)
        pinned.settle()
        while !pinned.isSettled { try await Task.sleep(for: .milliseconds(2)) }
        #expect(pinned.pin())
        let other = try cache.file(for: cache.add("other", size: data.count))
        try other.store(data, 0..<Self.block)
        other.drain()
        #expect(cache.usage().disk == .normal, "it is no fault of the disk")
        // It is read all the same, from memory.
        #expect(try await other.bytes(0, Self.block) == Array(data[..<Self.block]))
        #expect(pinned.isVerified && cache.usage().used == Int64(data.count))
        #expect(Self.space(scratch) == Int64(data.count))
        pinned.unpin()
        try other.store(data, Self.block..<data.count)
        while cache.usage().memoryUsed > 0 { other.drain() }
        // Somewhat more than needed is evicted, so that the first block may be gone.
        let rest = Self.block..<data.count
        #expect(try await other.bytes(rest.lowerBound, rest.count) == Array(data[rest]))
        #expect(Self.space(scratch) <= Int64(Self.block * 4))
    }

    /// Nothing can be written any more, and nobody is left to make room.
    @Test(.timeLimit(.minutes(1))) func `a cache that is full of what is pinned can be closed`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.limit = Int64(Self.block * 4) }
        let data = content(Self.block * 4, seed: 4)
        let pinned = try cache.file(for: cache.add("pinned", size: data.count))
        try pinned.store(data, 0..<data.count)
        pinned.settle()
        while !pinned.isSettled { try await Task.sleep(for: .milliseconds(2)) }
        #expect(pinned.pin())
        let other = try cache.file(for: cache.add("other", size: data.count))
        try other.store(data, 0..<Self.block)
        other.drain()
        #expect(cache.usage().memoryUsed > 0, "it waits for room")
        cache.close()
    }

    @Test func `a limit that is lower than what is there is met before more is written`() async throws {
        let scratch = try Scratch()
        let data = content(Self.block * 10, seed: 5)
        do {
            let cache = try scratch.open()
            try cache.file(for: cache.add("t", size: data.count)).store(data, 0..<data.count)
            cache.close()
        }
        let cache = try scratch.open { $0.limit = Int64(Self.block * 4) }
        try cache.file(for: cache.add("u", size: 10)).store(data, 0..<10)
        #expect(Self.space(scratch) <= Int64(Self.block * 4))
    }

    @Test func `readers and writers of more than fits see only right bytes, and the limit holds at all times`()
        async throws
    {
        let scratch = try Scratch()
        let limit = Int64(Self.block * 12)
        let cache = try scratch.open {
            $0.limit = limit; $0.memory = 1 << 20
        }
        let size = Self.block * 20 + 5
        let datas = (0..<4).map { content(size, seed: 10 + UInt64($0)) }
        let files = try (0..<4).map { try cache.file(for: cache.add("t\($0)", size: size)) }
        let sampler = Sampler()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask { @concurrent in
                    var random = Seeded(UInt64(worker))
                    for _ in 0..<60 {
                        let which = Int.random(in: 0..<4, using: &random)
                        let start = Int.random(in: 0..<size, using: &random)
                        let end = min(size, start + Int.random(in: 1...100_000, using: &random))
                        if Bool.random(using: &random) {
                            let writer = files[which].writer(at: Int64(start))
                            let progress = try writer.append(Array(datas[which][start..<end]).span.bytes)
                            #expect(!progress.contradicts)
                        }
                        if let bytes = try await files[which].bytes(start, end - start) {
                            #expect(bytes == Array(datas[which][start..<end]))
                        }
                    }
                }
            }
            group.addTask { @concurrent in
                while !sampler.isDone.load(ordering: .relaxed) {
                    sampler.highest.store(
                        max(sampler.highest.load(ordering: .relaxed), Self.space(scratch)), ordering: .relaxed)
                    await Task.yield()
                }
            }
            for _ in 0..<8 { try await group.next() }
            sampler.isDone.store(true, ordering: .relaxed)
            try await group.waitForAll()
        }
        #expect(sampler.highest.load(ordering: .relaxed) <= limit)
        try cache.flush()
        // Of a file in many parts, the file system may need a page for the list of them.
        #expect((0...4 * 4096).contains(Self.space(scratch) - cache.usage().used))
        #expect(cache.usage().damagedBlocks == 0)
    }
}
