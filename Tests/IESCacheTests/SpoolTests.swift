// SPDX-License-Identifier: Apache-2.0

import IESCache
import SystemPackage
import Testing

@Suite struct SpoolTests {
    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 200_000])
    func `a spooled body is complete and verified, and survives`(count: Int) async throws {
        let scratch = try Scratch()
        let data = content(count, seed: 1)
        do {
            let cache = try scratch.open()
            let spool = try cache.spool(for: ResultKey(project: "p", task: "t"))
            var position = 0
            while position < count {
                let end = min(count, position + 10_007)
                #expect(try spool.append(Array(data[position..<end]).span.bytes))
                position = end
                #expect(spool.count == Int64(position))
            }
            let (record, file) = try spool.finish(noDetails)
            #expect(record.size == Int64(count) && record.version == 0)
            #expect(file.isComplete && file.isVerified)
            #expect(file.now(0, count).bytes == data)
            #expect(try cache.file(for: record) === file)
            try cache.flush()
            try scratch.copy(to: "crash")
            cache.close()
        }
        for name in ["cache", "crash"] {
            let cache = try scratch.open(name)
            let file = try cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: "t"))))
            #expect(file.isComplete)
            #expect(try await file.bytes(0, count) == data)
        }
    }

    @Test func `a body larger than the cache is refused, and leaves nothing behind`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.limit = 100_000 }
        do {
            let spool = try cache.spool(for: ResultKey(project: "p", task: "t"))
            let data = content(50_001, seed: 1)
            #expect(try spool.append(data.span.bytes))
            #expect(throws: CacheError.tooLarge(size: 100_002, limit: 100_000)) { try spool.append(data.span.bytes) }
            #expect(cache.usage().used == 53_248)
        }
        #expect(cache.usage().used == 0)
        #expect(Scratch.files(scratch.cachePath.appending("data")) == [])
        #expect(try cache.latest(ResultKey(project: "p", task: "t")) == nil)
    }
}
