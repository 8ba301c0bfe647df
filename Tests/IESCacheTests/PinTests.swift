// SPDX-License-Identifier: Apache-2.0

import GRDB
import IESCache
import SystemPackage
import Testing

/// Results that are never evicted, because somebody asked for that.
@Suite struct PinTests {
    static let block = 65_536
    static let data = content(block * 3, seed: 1)

    private static func key(_ task: String) -> ResultKey { ResultKey(project: "p", task: task) }

    private static func store(_ task: String, in cache: BlockCache) throws -> ResultRecord {
        let record = try cache.add(task, size: data.count)
        try cache.file(for: record).store(data, 0..<data.count)
        return record
    }

    private static func held(_ task: String, in cache: BlockCache) throws -> Int64 {
        try cache.file(for: #require(try cache.latest(key(task)))).heldBytes
    }

    @Test func `a pinned result stays while everything else makes room, also after a restart`() async throws {
        let scratch = try Scratch()
        let limit = Int64(Self.block * 8)
        for run in 0..<3 {
            let cache = try scratch.open { $0.limit = limit }
            if run == 0 { #expect(try await cache.pin(Self.store("pinned", in: cache)) == .done) }
            for number in 0..<6 { _ = try Self.store("other\(run)-\(number)", in: cache) }
            #expect(cache.usage().used <= limit)
            #expect(cache.usage().pinned == 196_608 && cache.usage().pinnedResults == 1)
            let file = try cache.file(for: #require(try cache.latest(Self.key("pinned"))))
            #expect(try await file.bytes(0, Self.data.count) == Self.data)
            #expect(LimitTests.space(scratch) <= limit)
            cache.close()
        }
    }

    @Test func `a pin that is taken back leaves the result to be evicted`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.limit = Int64(Self.block * 8) }
        let record = try Self.store("a", in: cache)
        #expect(try await cache.pin(record) == .done)
        #expect(cache.isPinned(record))
        #expect(try await cache.unpin(record))
        #expect(try await cache.unpin(record) == false)
        #expect(cache.usage().pinned == 0 && cache.usage().pinnedResults == 0)
        for number in 0..<6 { _ = try Self.store("other\(number)", in: cache) }
        #expect(try Self.held("a", in: cache) == 0)
    }

    @Test func `what is pinned never comes to more than a part of the limit`() async throws {
        let scratch = try Scratch()
        let limit = Int64(Self.block * 8)
        let cache = try scratch.open { $0.limit = limit }
        #expect(try await cache.pin(Self.store("a", in: cache)) == .done)
        // Counted whole before any of it has come.
        #expect(try await cache.pin(cache.add("b", size: Self.data.count)) == .done)
        let third = try cache.add("c", size: Self.data.count)
        // An eighth is left to others.
        #expect(try await cache.pin(third) == .tooMuch(pinned: 393_216, limit: 458_752))
        #expect(!cache.isPinned(third))
        // Once more changes nothing.
        #expect(try await cache.pin(#require(try cache.latest(Self.key("a")))) == .done)
        #expect(cache.usage().pinned == 393_216)
        #expect(try await cache.pin(cache.add("d", size: Self.block)) == .done)
        #expect(cache.usage().pinned == 458_752)
    }

    @Test func `the pin of a result that changes goes over to its new version`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.limit = Int64(Self.block * 8) }
        let old = try Self.store("a", in: cache)
        #expect(try await cache.pin(old) == .done)
        let new = try cache.add("a", size: Self.block)
        #expect(!cache.isPinned(old) && cache.isPinned(new))
        #expect(cache.usage().pinned == 65_536 && cache.usage().pinnedResults == 1)
        cache.close()
        let again = try scratch.open { $0.limit = Int64(Self.block * 8) }
        #expect(!again.isPinned(old) && again.isPinned(new))
    }

    @Test func `an index from before there were pins goes on with what it holds`() async throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open()
            _ = try Self.store("a", in: cache)
            cache.close()
        }
        let queue = try DatabaseQueue(path: scratch.cachePath.appending("index.sqlite").string)
        try await queue.write { database in
            try database.execute(
                sql: "DROP TABLE pin; DELETE FROM grdb_migrations WHERE identifier = '2: pins'")
        }
        try queue.close()
        let cache = try scratch.open()
        #expect(cache.usage().replacedIndexes == 0 && scratch.warnings.all.isEmpty)
        #expect(try Self.held("a", in: cache) == 196_608)
        #expect(try await cache.pin(#require(try cache.latest(Self.key("a")))) == .done)
    }

    @Test func `a pin whose row was damaged, or whose result is not known, counts for nothing`() async throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open { $0.limit = Int64(Self.block * 8) }
            #expect(try await cache.pin(Self.store("a", in: cache)) == .done)
            cache.close()
        }
        let queue = try DatabaseQueue(path: scratch.cachePath.appending("index.sqlite").string)
        try await queue.write { database in
            try database.execute(sql: "UPDATE pin SET row_check = row_check + 1; INSERT INTO pin VALUES (7, 7)")
        }
        try queue.close()
        let cache = try scratch.open { $0.limit = Int64(Self.block * 8) }
        #expect(cache.usage().pinnedResults == 0)
        for number in 0..<6 { _ = try Self.store("other\(number)", in: cache) }
        #expect(try Self.held("a", in: cache) == 0)
    }

    @Test func `pins outlive an index that has to be begun anew while it is used`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let record = try Self.store("a", in: cache)
        #expect(try await cache.pin(record) == .done)
        for number in 0..<2000 { _ = try cache.add("old\(number)", size: 5) }
        cache.close()
        let path = scratch.cachePath.appending("index.sqlite")
        let reopened = try scratch.open()
        #expect(reopened.isPinned(record))
        let pages = try Scratch.read(path)
        try Scratch.overwrite(path, at: 16 * 4096, Array(repeating: 0xA5, count: pages.count - 16 * 4096))
        _ = try reopened.latest(record.key)
        for number in 0..<2000 { _ = try reopened.latest(Self.key("old\(number)")) }
        try #require(reopened.usage().replacedIndexes == 1)
        reopened.close()
        #expect(try scratch.open().isPinned(record))
    }
}
