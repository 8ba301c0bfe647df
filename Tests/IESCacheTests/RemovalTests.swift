// SPDX-License-Identifier: Apache-2.0

import IESCache
import Synchronization
import Testing

/// Results that are given up because somebody asks for that.
@Suite struct RemovalTests {
    static let block = 65_536
    static let data = content(block * 2 + 5_000, seed: 2)
    /// Two blocks, and two pages of 4,096 for the rest.
    static let space: Int64 = 139_264

    private static func store(_ task: String, in cache: BlockCache) throws -> ResultRecord {
        let record = try cache.add(task, size: data.count)
        try cache.file(for: record).store(data, 0..<data.count)
        return record
    }

    private static func find(_ task: String, in cache: BlockCache) async throws -> CachedResult {
        try #require(try await cache.versions(of: ResultKey(project: "p", task: task)).last)
    }

    @Test(arguments: [false, true])
    func `the space of a result is given back, and what is known of it stays`(isReopened: Bool) async throws {
        let scratch = try Scratch()
        var cache = try scratch.open()
        let record = try Self.store("a", in: cache)
        _ = try Self.store("b", in: cache)
        if isReopened {
            cache.close()
            cache = try scratch.open()
        }
        let found = try await Self.find("a", in: cache)
        #expect(found.space == Self.space && found.isComplete && found.record == record)
        #expect(try await cache.remove(found, .init(isTrial: true)) == .freed(Self.space))
        #expect(LimitTests.space(scratch) == 2 * Self.space)
        #expect(try await cache.remove(found, .init()) == .freed(Self.space))
        #expect(LimitTests.space(scratch) == Self.space && cache.usage().used == Self.space)
        // What was found before is old by now.
        #expect(try await cache.remove(found, .init()) == .freed(0))
        #expect(cache.usage().used == Self.space)
        let file = try cache.file(for: #require(try cache.latest(record.key)))
        #expect(file.record == record && file.heldBytes == 0)
        try file.store(Self.data, 0..<Self.data.count)
        #expect(try await file.bytes(0, Self.data.count) == Self.data)
    }

    @Test func `one that is open is spared where that is asked, and else gives its blocks back`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: Self.store("a", in: cache))
        let found = try await Self.find("a", in: cache)
        file.openings.add(1, ordering: .relaxed)
        #expect(try await cache.remove(found, .init(sparesOpen: true)) == .inUse)
        #expect(file.now(0, 100).bytes == Array(Self.data[..<100]))
        #expect(try await cache.remove(found, .init()) == .freed(Self.space))
        #expect(file.now(0, 100).outcome == .missing)
        file.openings.subtract(1, ordering: .relaxed)
        try file.store(Self.data, 0..<Self.data.count)
        #expect(try await cache.remove(found, .init(sparesOpen: true)) == .freed(Self.space))
    }

    @Test func `one that the kernel reads by itself is refused until it is released`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let file = try cache.file(for: Self.store("a", in: cache))
        file.settle()
        while !file.isSettled { try await Task.sleep(for: .milliseconds(2)) }
        try #require(file.pin())
        let found = try await Self.find("a", in: cache)
        #expect(try await cache.remove(found, .init()) == .inUse)
        #expect(try await cache.remove(found, .init(unpins: true)) == .inUse)
        #expect(LimitTests.space(scratch) == Self.space)
        file.unpin()
        #expect(try await cache.remove(found, .init()) == .freed(Self.space))
    }

    @Test func `a pinned one is refused unless the pin is to be taken back`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let record = try Self.store("a", in: cache)
        #expect(try await cache.pin(record) == .done)
        let found = try await Self.find("a", in: cache)
        #expect(found.isPinned)
        #expect(try await cache.remove(found, .init()) == .isPinned)
        #expect(try await cache.remove(found, .init(unpins: true, isTrial: true)) == .freed(Self.space))
        #expect(cache.isPinned(record))
        #expect(try await cache.remove(found, .init(unpins: true)) == .freed(Self.space))
        #expect(!cache.isPinned(record) && cache.usage().pinned == 0)
    }

    @Test func `all that the index has is found, part by part`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        for number in 0..<1201 { _ = try cache.add("t\(number)", size: 1) }
        var tasks: Set<String> = []
        var last: CachedResult?
        var count = 0
        while let end = try await cache.contents(after: last).last {
            let part = try await cache.contents(after: last)
            count += part.count
            tasks.formUnion(part.map(\.record.key.task))
            last = end
        }
        #expect(count == 1201 && tasks.count == 1201)
    }
}
