// SPDX-License-Identifier: Apache-2.0

import IESCache
import SystemPackage
import Testing

@Suite struct ConcurrencyTests {
    @Test func `readers see only right bytes while writers at every place write, and someone closes`() async throws {
        let scratch = try Scratch()
        let size = 65_536 * 20 + 123
        let data = content(size, seed: 1)
        for round in 0..<3 {
            let cache = try scratch.open()
            let key = ResultKey(project: "p", task: "t\(round / 2)")
            let record = try cache.latest(key) ?? cache.add(key.task, size: size)
            let file = try cache.file(for: record)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask { @concurrent in
                        var random = Seeded(UInt64(round * 100 + writer))
                        for _ in 0..<30 {
                            let start = Int.random(in: 0..<size, using: &random)
                            let end = min(size, start + Int.random(in: 1...150_000, using: &random))
                            do {
                                let progress = try file.store(data, start..<end, piece: 16_000)
                                #expect(!progress.contradicts)
                            } catch CacheError.closed {
                                return
                            }
                        }
                    }
                }
                for reader in 0..<6 {
                    group.addTask { @concurrent in
                        var random = Seeded(UInt64(1000 + round * 100 + reader))
                        for _ in 0..<300 {
                            let start = Int.random(in: 0..<size, using: &random)
                            let count = min(size - start, Int.random(in: 1...40_000, using: &random))
                            do {
                                guard let bytes = try await file.bytes(start, count) else { continue }
                                #expect(bytes == Array(data[start..<(start + count)]))
                            } catch CacheError.closed {
                                return
                            }
                        }
                    }
                }
                group.addTask { @concurrent in
                    for number in 0..<200 {
                        do {
                            _ = try cache.inodeNumber(path: "\(number)", variant: "", preferred: UInt64(number / 3))
                            _ = try cache.latest(key)
                            _ = try cache.file(for: record) === file
                            _ = cache.usage()
                            if number % 50 == 0 { try cache.flush() }
                        } catch CacheError.closed {
                            return
                        }
                    }
                    if round == 1 { cache.close() }
                }
                try await group.waitForAll()
            }
            cache.close()
        }
    }

    @Test func `many files at once, more than are kept open, keep what they hold`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open { $0.blockSize = 4096 }
        let data = content(8192 + 10, seed: 2)
        var records: [ResultRecord] = []
        for number in 0..<1300 {
            let record = try cache.add("t\(number)", size: data.count)
            records.append(record)
            try cache.file(for: record).store(data, 0..<5000)
        }
        for record in records {
            let file = try cache.file(for: record)
            // The unfinished block of a file that was let go has to be fetched again, the finished one has not.
            let missing = file.missing(in: 0..<Int64(data.count))
            #expect(missing == [4096..<8202] || missing == [5000..<8202])
            try file.store(data, 4096..<data.count)
            let isRight = try await file.bytes(0, data.count) == data
            #expect(isRight)
        }
        #expect(cache.usage().used == 1300 * 12_288)
        cache.close()
        let next = try scratch.open()
        for record in records {
            let isRight = try await next.file(for: record).bytes(0, data.count) == data
            #expect(isRight)
        }
        #expect(next.usage().verifiedBlocks == 0)
    }
}
