// SPDX-License-Identifier: Apache-2.0

import GRDB
import Glibc
import IESCache
import SystemPackage
import Testing

@Suite struct IndexTests {
    @Test func `an index that turns out to be damaged while it is used is begun anew from memory`() async throws {
        let scratch = try Scratch()
        let data = content(65_536 * 2, seed: 1)
        do {
            let cache = try scratch.open()
            for number in 0..<2000 { _ = try cache.add("old\(number)", size: 5) }
            try cache.file(for: cache.add("t", size: data.count)).store(data, 0..<data.count)
            cache.close()
        }
        // All but the first pages, which the start reads.
        let path = scratch.cachePath.appending("index.sqlite")
        let pages = try Scratch.read(path)
        try Scratch.overwrite(path, at: 16 * 4096, Array(repeating: 0xA5, count: pages.count - 16 * 4096))
        let cache = try scratch.open()
        let inode = try cache.inodeNumber(path: "p/new", variant: "0", preferred: 99)
        let record = try cache.add("new", size: data.count)
        let file = try cache.file(for: record)
        try file.store(data, 0..<data.count)
        for number in 0..<2000 { _ = try cache.latest(ResultKey(project: "p", task: "old\(number)")) }
        #expect(cache.usage().replacedIndexes == 1)
        #expect(scratch.warnings.all.count == 1)
        #expect(file.now(0, data.count).bytes == data)
        // The thread that writes it down again is queued behind this one's commits, or has done it.
        cache.close()

        let next = try scratch.open()
        #expect(try next.latest(record.key) == record)
        #expect(try next.inodeNumber(path: "p/new", variant: "0", preferred: 5) == inode)
        let again = try next.file(for: record)
        #expect(try await again.bytes(0, data.count) == data)
    }

    @Test func `a hundred thousand results do not slow the start`() throws {
        let scratch = try Scratch()
        try scratch.open().close()
        let queue = try DatabaseQueue(path: scratch.cachePath.appending("index.sqlite").string)
        try queue.write { database in
            let version = try database.makeStatement(
                sql:
                    "INSERT INTO version VALUES (?, ?, ?, 0, 1048576, 65536, '\"tag\"', NULL, NULL, NULL, 1, 0, NULL, 1, 0)"
            )
            let block = try database.makeStatement(sql: "INSERT INTO block VALUES (?, ?, 1)")
            for number in 0..<100_000 {
                try version.execute(arguments: [number + 1, "project\(number % 10)", "task\(number)"])
                for count in 0..<4 { try block.execute(arguments: [number + 1, count]) }
            }
        }
        try queue.close()

        let clock = ContinuousClock()
        var cache: BlockCache?
        let opening = try clock.measure { cache = try scratch.open() }
        let projects = try clock.measure { _ = try cache?.projects() }
        #expect(try cache?.projects().count == 10)
        print("100,000 results in the index: open \(opening), projects \(projects)")
        #expect(opening < .milliseconds(500))
    }

    @Test func `a crash leaves no file that the index does not know for long`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        let spool = try cache.spool(for: ResultKey(project: "p", task: "t"))
        _ = try spool.append([1, 2, 3].span.bytes)
        try scratch.copy(to: "crash")
        let data = scratch.path.appending("crash").appending("data")
        #expect(Scratch.files(data).count == 1)
        let next = try scratch.open("crash")
        // Tidying is done before the threads are stopped, if it was begun.
        for _ in 0..<1000 where !Scratch.files(data).isEmpty { usleep(1000) }
        #expect(Scratch.files(data).isEmpty)
        next.close()
        withExtendedLifetime(spool) {}
    }
}
