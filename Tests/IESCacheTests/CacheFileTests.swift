// SPDX-License-Identifier: Apache-2.0

import IESCache
import SystemPackage
import Testing

@Suite struct CacheFileTests {
    @Test func `bytes are readable when append returns, before their block is complete`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(200_000, seed: 1)
        let file = try cache.file(for: cache.add("t", size: data.count))
        #expect(file.now(0, 10).outcome == .missing)
        let progress = try file.store(data, 0..<1000)
        #expect(progress == .init(position: 1000, contradicts: false))
        #expect(file.now(0, 1000).bytes == Array(data[..<1000]))
        #expect(file.now(0, 1001).outcome == .missing)
        #expect(file.missing(in: 500..<2000) == [1000..<2000])
        #expect(file.heldBytes == 1000)
        #expect(!file.isComplete)
    }

    @Test func `a read goes up to the end of the file, and past it there is nothing`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(100_001, seed: 2)
        let file = try cache.file(for: cache.add("t", size: data.count))
        try file.store(data, 0..<data.count)
        #expect(file.isComplete && file.isVerified)
        #expect(file.now(100_000, 4096).bytes == [data[100_000]])
        #expect(file.now(100_001, 4096).outcome == .read(0))
        #expect(file.now(1 << 40, 4096).outcome == .read(0))
    }

    @Test func `a result of no bytes is complete at once`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: cache.add("empty", size: 0))
        #expect(file.isComplete && file.isVerified && file.blockCount == 0)
        #expect(file.now(0, 10).outcome == .read(0))
        #expect(file.missing(in: 0..<10) == [])
    }

    @Test func `blocks that are complete survive a remount, and those that are not are missing`() async throws {
        let scratch = try Scratch()
        let data = content(65_536 * 3 + 5, seed: 3)
        do {
            let cache = try scratch.open()
            let file = try cache.file(for: cache.add("t", size: data.count))
            try file.store(data, 65_536..<150_000)
            try file.store(data, 65_536 * 3..<data.count)
            cache.close()
        }
        let cache = try scratch.open()
        let record = try #require(try cache.latest(ResultKey(project: "p", task: "t")))
        let file = try cache.file(for: record)
        #expect(file.missing(in: 0..<Int64(data.count)) == [0..<65_536, 131_072..<196_608])
        #expect(try await file.bytes(65_536, 65_536) == Array(data[65_536..<131_072]))
        #expect(try await file.bytes(196_608, 100) == Array(data[196_608...]))
        #expect(try await file.bytes(131_072, 1) == nil)
    }

    @Test func `after a clean stop no block is read to be verified, after a crash each is, once`() async throws {
        let scratch = try Scratch()
        let data = content(65_536 * 4, seed: 4)
        let crashed = try scratch.open()
        let file = try crashed.file(for: crashed.add("t", size: data.count))
        try file.store(data, 0..<data.count)
        try crashed.flush()
        try scratch.copy(to: "crash")
        crashed.close()

        let clean = try scratch.open()
        let kept = try clean.file(for: file.record)
        #expect(!kept.isVerified)
        #expect(try await kept.bytes(0, data.count) == data)
        #expect(kept.isVerified)
        #expect(clean.usage().verifiedBlocks == 0)

        let after = try scratch.open("crash")
        let copy = try after.file(for: file.record)
        #expect(copy.now(0, 1).outcome == .unverified)
        for _ in 0..<3 { #expect(try await copy.bytes(0, data.count) == data) }
        #expect(after.usage().verifiedBlocks == 4)
    }

    @Test func `a file touched after a clean stop is verified again`() async throws {
        let scratch = try Scratch()
        let data = content(65_536 * 2, seed: 5)
        do {
            let cache = try scratch.open()
            try cache.file(for: cache.add("t", size: data.count)).store(data, 0..<data.count)
            cache.close()
        }
        let cache = try scratch.open()
        let file = try cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: "t"))))
        #expect(try await file.bytes(0, 100) == Array(data[..<100]))
        // In the second block, which this run has not used yet.
        let path = try #require(Scratch.files(scratch.cachePath.appending("data")).first)
        try Scratch.overwrite(path, at: 70_000, [0])
        #expect(file.now(65_536, 100).outcome == .unverified)
        #expect(try await file.bytes(65_536, 100) == nil)
        #expect(file.missing(in: 0..<131_072) == [65_536..<131_072])
        #expect(cache.usage().damagedBlocks == 1)
        #expect(scratch.warnings.all.count == 1)
        try file.store(data, 65_536..<131_072)
        #expect(try await file.bytes(0, data.count) == data)
    }

    @Test func `bytes that differ from what is held contradict, and change nothing`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(65_536 * 2, seed: 6)
        var other = data
        other[70] ^= 1
        other[65_536 + 70] ^= 1
        let file = try cache.file(for: cache.add("t", size: data.count))
        try file.store(data, 0..<65_536)
        try file.store(data, 65_536..<65_636)
        // A held block is compared by its checksum, so at its end.
        #expect(try file.store(other, 0..<65_535) == .init(position: 65_535, contradicts: false))
        #expect(try file.store(other, 0..<65_536).contradicts)
        // The bytes of an unfinished block are compared at once.
        #expect(try file.store(other, 65_536..<65_636, piece: 100).contradicts)
        #expect(try file.store(data, 0..<data.count) == .init(position: Int64(data.count), contradicts: false))
        #expect(file.now(0, data.count).bytes == data)
    }

    @Test func `bytes past the end contradict`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(101, seed: 7)
        let file = try cache.file(for: cache.add("t", size: 100))
        #expect(try file.store(data, 0..<101, piece: 101).contradicts)
        #expect(file.isComplete)
        #expect(file.now(0, 200).bytes == Array(data[..<100]))
    }

    @Test func `an absurd size costs nothing and breaks nothing`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(65_536, seed: 8)
        let file = try cache.file(for: cache.add("t", size: Int.max))
        try file.store(data, 0..<65_536)
        #expect(file.now(0, 65_536).bytes == data)
        #expect(file.missing(in: 0..<Int64.max) == [65_536..<Int64.max])
        // Most file systems refuse such an offset, tmpfs takes it.
        let isTaken = (try? file.writer(at: Int64.max - 10).append(Array(data[..<10]).span.bytes)) != nil
        #expect(file.now(Int.max - 10, 100).outcome == (isTaken ? .read(10) : .missing))
    }

    @Test func `the same version has one file, and another version another`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let first = try cache.add("t", size: 10)
        let second = try cache.add("t", size: 20)
        #expect((first.version, second.version) == (0, 1))
        #expect(try cache.file(for: first) === cache.file(for: first))
        try cache.file(for: first).store(content(10, seed: 1), 0..<10)
        try cache.file(for: second).store(content(20, seed: 2), 0..<20)
        #expect(try cache.file(for: first).now(0, 99).bytes == content(10, seed: 1))
        #expect(try cache.latest(first.key) == second)
    }

    @Test func `what is readable stays so after the cache is closed, and nothing more is taken`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let data = content(65_536 * 2, seed: 9)
        let file = try cache.file(for: cache.add("t", size: data.count))
        try file.store(data, 0..<65_536)
        let writer = file.writer(at: 65_536)
        _ = try writer.append(Array(data[65_536..<70_000]).span.bytes)
        cache.close()
        cache.close()
        #expect(file.now(0, 65_536).bytes == Array(data[..<65_536]))
        // Its bytes were given back: they must not be read as zeros.
        #expect(file.now(65_536, 10).outcome == .missing)
        #expect(throws: CacheError.closed) { try writer.append(Array(data[70_000..<70_100]).span.bytes) }
        #expect(throws: CacheError.closed) { try cache.add("u", size: 1) }
    }
}
