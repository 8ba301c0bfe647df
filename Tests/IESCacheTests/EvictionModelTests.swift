// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import SystemPackage
import Testing

/// Random sequences under a limit that is far too small: writing, reading, closing, crashing, pinning.
/// To repeat a failure, give its seed in IES_SEED.
@Suite struct EvictionModelTests {
    static let seeds: [UInt64] =
        getenv("IES_SEED").flatMap { UInt64(String(cString: $0)) }.map { [$0] }
        ?? (getenv("IES_LONG") == nil ? Array(1...4) : Array(1...100))
    static let block = 16_384
    static let limit = Int64(block * 8)

    @Test(arguments: seeds)
    func `whatever is evicted, a byte is right or missing, and what is on the disk is what is counted`(
        seed: UInt64
    ) async throws {
        let scratch = try Scratch()
        var random = Seeded(seed)
        let datas = (0..<5).map { content(Self.block * (1 + $0 * 2) + 77 * $0, seed: seed &* 10 &+ UInt64($0)) }
        var directory = "cache"
        func reopen() throws -> BlockCache {
            try scratch.open(directory) { settings in
                settings.blockSize = Self.block
                settings.limit = Self.limit
                settings.indexBatch = 3
                settings.diskPause = .milliseconds(1)
            }
        }
        func files(_ cache: BlockCache) throws -> [CacheFile] {
            try datas.enumerated().map { number, data in
                let key = ResultKey(project: "p", task: "t\(number)")
                return try cache.file(for: cache.latest(key) ?? cache.add(key.task, size: data.count))
            }
        }
        var cache = try reopen()
        var open = try files(cache)
        for step in 0..<300 {
            let which = Int.random(in: 0..<datas.count, using: &random)
            let start = Int.random(in: 0..<datas[which].count, using: &random)
            let end = min(datas[which].count, start + Int.random(in: 1...50_000, using: &random))
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<50:
                let writer = open[which].writer(at: Int64(start))
                let progress = try writer.append(Array(datas[which][start..<end]).span.bytes)
                #expect(!progress.contradicts, "seed \(seed), step \(step)")
            case 50..<85:
                if let bytes = try await open[which].bytes(start, end - start) {
                    #expect(bytes == Array(datas[which][start..<end]), "seed \(seed), step \(step)")
                }
            case 85..<92:
                guard open[which].pin() else { continue }
                try open[(which + 1) % datas.count].store(datas[(which + 1) % datas.count], 0..<100)
                #expect(open[which].now(0, datas[which].count).bytes == datas[which], "seed \(seed), step \(step)")
                open[which].unpin()
            case 92..<96:
                cache.close()
                cache = try reopen()
                open = try files(cache)
            default:
                // A copy is not made in one moment.
                for file in open { file.drain() }
                let former = directory
                directory = "crash\(step)"
                try scratch.copy(former, to: directory)
                cache.close()
                Scratch.remove(scratch.path.appending(former))
                cache = try reopen()
                open = try files(cache)
            }
        }
        try cache.flush()
        #expect(cache.usage().used <= Self.limit)
        let held = open.reduce(0) { $0 + $1.heldBytes }
        #expect(held <= Self.limit)
        #expect(cache.usage().damagedBlocks == 0, "seed \(seed)")
        cache.close()
    }
}
