// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import SystemPackage
import Testing

@Suite struct SettlingTests {
    private static let data = content(65_536 * 5 + 9, seed: 6)

    /// Waits for the background; the suite's limit ends a wait in vain.
    private static func settled(_ file: CacheFile) async throws {
        file.settle()
        while !file.isSettled { try await Task.sleep(for: .milliseconds(2)) }
    }

    private static func reopened(_ cache: BlockCache) throws -> CacheFile {
        try cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: "t"))))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a complete file is settled in the background, and only then can be pinned`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: cache.add("t", size: Self.data.count))
        try file.store(Self.data, 0..<65_536 * 5)
        file.settle()
        #expect(!file.isSettled && !file.pin())
        try file.store(Self.data, 65_536 * 5..<Self.data.count)
        #expect(!file.isSettled && !file.pin())
        try await Self.settled(file)
        #expect(file.pin())
        file.unpin()
    }

    @Test func `after a clean stop a file is settled at once, without being read`() async throws {
        let scratch = try Scratch()
        let first = try scratch.open()
        try first.file(for: first.add("t", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
        first.close()
        let cache = try scratch.open()
        let file = try Self.reopened(cache)
        #expect(file.isSettled && file.pin())
        #expect(cache.usage().verifiedBlocks == 0)
    }

    @Test func `a data file that goes on past the result is never settled`() async throws {
        let scratch = try Scratch()
        let first = try scratch.open()
        try first.file(for: first.add("t", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
        first.close()
        let path = try #require(Scratch.files(scratch.cachePath.appending("data")).first)
        try Scratch.overwrite(path, at: Int64(Self.data.count), [1])
        let cache = try scratch.open()
        let file = try Self.reopened(cache)
        try await file.prepare(0..<file.size)
        #expect(file.isVerified && !file.isSettled)
        file.settle()
        // A second file is settled after the first.
        let other = try cache.file(for: cache.add("u", size: 3))
        try other.store([7, 8, 9], 0..<3)
        try await Self.settled(other)
        #expect(!file.isSettled && !file.pin())
    }

    @Test(.timeLimit(.minutes(2)))
    func `after a crash every block is verified first`() async throws {
        let scratch = try Scratch()
        let first = try scratch.open()
        try first.file(for: first.add("t", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
        try first.flush()
        try scratch.copy(to: "crashed")
        let cache = try scratch.open("crashed")
        let file = try Self.reopened(cache)
        #expect(!file.isSettled)
        try await Self.settled(file)
        #expect(cache.usage().verifiedBlocks == 6)
        #expect(cache.usage().damagedBlocks == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a damaged block is not settled but fetched again, and then is`() async throws {
        let scratch = try Scratch()
        let first = try scratch.open()
        try first.file(for: first.add("t", size: Self.data.count)).store(Self.data, 0..<Self.data.count)
        first.close()
        let path = try #require(Scratch.files(scratch.cachePath.appending("data")).first)
        try Scratch.overwrite(path, at: 70_000, [Self.data[70_000] ^ 4])
        let cache = try scratch.open()
        let file = try Self.reopened(cache)
        file.settle()
        while file.isComplete { try await Task.sleep(for: .milliseconds(2)) }
        #expect(!file.isSettled && !file.pin())
        #expect(file.missing(in: 0..<Int64(Self.data.count)) == [65_536..<131_072])
        try file.store(Self.data, 65_536..<131_072)
        try await Self.settled(file)
        #expect(try await file.bytes(0, Self.data.count) == Self.data)
    }

    @Test func `the descriptor given away is for reading, and shows the file`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: cache.add("t", size: Self.data.count))
        try file.store(Self.data, 0..<Self.data.count)
        let bytes = file.withReadingDescriptor { number -> [UInt8] in
            let descriptor = FileDescriptor(rawValue: number)
            #expect(throws: Errno.badFileDescriptor) { try descriptor.writeAll(toAbsoluteOffset: 0, [1]) }
            var bytes = [UInt8](repeating: 0, count: Self.data.count + 1)
            let count =
                (try? bytes.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: 0, into: $0) }) ?? 0
            return Array(bytes[..<count])
        }
        #expect(bytes == Self.data)
    }

    @Test(.timeLimit(.minutes(2)))
    func `however many small results are written one after the other, few of them stay open`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        var most = 0
        for number in 0..<4000 {
            _ = try cache.file(for: cache.add("t\(number)", size: 1000)).store(content(1000, seed: 1), 0..<1000)
            if number % 100 == 0 { most = max(most, Self.openFiles(below: scratch.path)) }
        }
        // Those that are kept at hand, those that wait for a sync, and those that one is under way for.
        #expect(most < 2000)
        cache.close()
    }

    private static func openFiles(below path: FilePath) -> Int {
        Scratch.names("/proc/self/fd").count { name in
            var target = [UInt8](repeating: 0, count: 4096)
            let count = target.withUnsafeMutableBytes {
                readlink("/proc/self/fd/\(name)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            return String(decoding: target.prefix(max(0, count)), as: UTF8.self).hasPrefix(path.string)
        }
    }
}
