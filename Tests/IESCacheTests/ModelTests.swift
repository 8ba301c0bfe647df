// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import SystemPackage
import Testing

/// Random sequences of everything a cache goes through, compared with plain arrays of bytes. To repeat a failure, give its
/// seed in IES_SEED.
@Suite struct ModelTests {
    static let seeds: [UInt64] =
        getenv("IES_SEED").flatMap { UInt64(String(cString: $0)) }.map { [$0] }
        ?? (getenv("IES_LONG") == nil ? Array(1...6) : Array(1...100))

    @Test(arguments: seeds)
    func `whatever happens, a byte is right or missing, and what was kept is found again`(seed: UInt64) async throws {
        var run = try ModelRun(seed: seed)
        for step in 0..<400 {
            try await run.step()
            if step % 50 == 49 { try run.compareMaps() }
        }
        try await run.fillAndReadAll()
    }
}

private struct ModelRun {
    struct File {
        let task: String
        let bytes: [UInt8]
        /// What must be there, byte by byte.
        var arrived: [Bool]
        /// Blocks that were complete at the last flush, or later: the latter may be lost by a crash.
        var flushed: Set<Int> = []
        var file: CacheFile
        var writers: [(writer: BlockWriter, position: Int)] = []
        /// Blocks damaged on the disk since they were stored: they may turn out to be missing.
        var damaged: Set<Int> = []
        /// Blocks found damaged since the last flush: a crash may bring their rows back, to be found damaged again.
        var dropped: Set<Int> = []
    }

    let scratch: Scratch
    let seed: UInt64
    var random: Seeded
    var cache: BlockCache
    var directory = "cache"
    var generation = 0
    var files: [File] = []
    static let blockSize = 16384

    init(seed: UInt64) throws {
        self.seed = seed
        scratch = try Scratch()
        random = Seeded(seed)
        cache = try Self.open(scratch, directory)
        for (index, size) in [1, 16384 * 5, 16384 * 9 + 77, 50_000].enumerated() {
            let file = try cache.file(for: cache.add("t\(index)", size: size))
            files.append(
                File(
                    task: "t\(index)", bytes: content(size, seed: seed &* 10 &+ UInt64(index)),
                    arrived: Array(repeating: false, count: size), file: file))
        }
    }

    static func open(_ scratch: Scratch, _ directory: String) throws -> BlockCache {
        try scratch.open(directory) {
            $0.blockSize = blockSize
            $0.indexBatch = 3
        }
    }

    mutating func step() async throws {
        let index = Int.random(in: 0..<files.count, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: try append(index)
        case 45..<80: try await read(index)
        case 80..<86: files[index].writers.removeAll()
        case 86..<90:
            try cache.flush()
            for index in files.indices {
                files[index].flushed = complete(files[index])
                files[index].dropped = []
            }
        case 90..<94: try damage(index)
        case 94..<97: try reopen(crash: false)
        default: try reopen(crash: true)
        }
    }

    mutating func append(_ index: Int) throws {
        let size = files[index].bytes.count
        if files[index].writers.isEmpty || (files[index].writers.count < 4 && Bool.random(using: &random)) {
            let start = Int.random(in: 0..<size, using: &random)
            files[index].writers.append((files[index].file.writer(at: Int64(start)), start))
        }
        let which = Int.random(in: 0..<files[index].writers.count, using: &random)
        let position = files[index].writers[which].position
        let count = min(Int.random(in: 1...20_000, using: &random), size - position)
        guard count > 0 else {
            files[index].writers.remove(at: which)
            return
        }
        let progress = try files[index].writers[which].writer.append(
            Array(files[index].bytes[position..<(position + count)]).span.bytes)
        #expect(progress == .init(position: Int64(position + count), contradicts: false), "seed \(seed)")
        files[index].writers[which].position = position + count
        // A damaged block that the writer went over may have been dropped: it is looked at when it is read.
        for offset in position..<(position + count) { files[index].arrived[offset] = true }
        for block in Set((position..<(position + count)).map { $0 / Self.blockSize })
        where files[index].damaged.contains(block) {
            observe(index, block)
        }
    }

    mutating func read(_ index: Int) async throws {
        let size = files[index].bytes.count
        let start = Int.random(in: 0..<size, using: &random)
        let count = min(Int.random(in: 1...40_000, using: &random), size - start)
        let range = start..<(start + count)
        let blocks = Set(range.map { $0 / Self.blockSize })
        let mayLack = !blocks.isDisjoint(with: files[index].damaged)
        let isThere = files[index].arrived[range].allSatisfy { $0 }
        if let bytes = try await files[index].file.bytes(start, count) {
            #expect(bytes == Array(files[index].bytes[range]), "seed \(seed): wrong bytes in \(range)")
            #expect(isThere, "seed \(seed): \(range) should be missing")
        } else {
            #expect(!isThere || mayLack, "seed \(seed): \(range) should be there")
            for block in blocks where files[index].damaged.contains(block) { observe(index, block) }
        }
    }

    /// Zeros or flips a bit of a block that is complete, behind the cache's back.
    mutating func damage(_ index: Int) throws {
        // In a block that this run has used, the damage would be the disk's to explain.
        try reopen(crash: Bool.random(using: &random))
        guard let block = complete(files[index]).randomElement(using: &random) else { return }
        let name = files[index].file.record.id.description
        let path = scratch.path.appending(directory).appending("data").appending(String(name.suffix(2))).appending(name)
        let offset = block * Self.blockSize
        let length = min(Self.blockSize, files[index].bytes.count - offset)
        if Bool.random(using: &random) {
            try Scratch.overwrite(path, at: Int64(offset), Array(repeating: 0, count: length))
        } else {
            let place = offset + Int.random(in: 0..<length, using: &random)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            try Scratch.overwrite(path, at: Int64(place), [files[index].bytes[place] ^ bit])
        }
        files[index].damaged.insert(block)
    }

    mutating func reopen(crash: Bool) throws {
        let sure = files.map { crash ? $0.flushed.intersection(complete($0)) : complete($0) }
        let possible = files.map { complete($0) }
        let former = directory
        if crash {
            generation += 1
            directory = "crash\(generation)"
            try scratch.copy(former, to: directory)
        }
        for index in files.indices { files[index].writers.removeAll() }
        cache.close()
        if crash { Scratch.remove(scratch.path.appending(former)) }
        cache = try Self.open(scratch, directory)
        for index in files.indices {
            let record = try #require(try cache.latest(ResultKey(project: "p", task: files[index].task)))
            #expect(record.size == Int64(files[index].bytes.count))
            files[index].file = try cache.file(for: record)
            setArrived(index)
            let found = complete(files[index])
            #expect(sure[index].subtracting(files[index].damaged).isSubset(of: found), "seed \(seed): blocks were lost")
            let returned = crash ? files[index].dropped.subtracting(possible[index]) : []
            #expect(found.isSubset(of: possible[index].union(returned)), "seed \(seed): blocks came from nowhere")
            files[index].flushed = found
            files[index].damaged = files[index].damaged.union(returned).intersection(found)
            files[index].dropped = []
        }
    }

    func compareMaps() throws {
        for file in files where file.damaged.isEmpty {
            var missing = Array(repeating: true, count: file.bytes.count)
            for range in file.file.missing(in: 0..<Int64(file.bytes.count)) {
                for offset in range { missing[Int(offset)] = false }
            }
            #expect(missing == file.arrived, "seed \(seed)")
            #expect(file.file.heldBytes == Int64(file.arrived.count { $0 }))
        }
    }

    mutating func fillAndReadAll() async throws {
        for index in files.indices {
            let size = files[index].bytes.count
            for _ in 0..<2 {
                for range in files[index].file.missing(in: 0..<Int64(size)) {
                    let progress = try files[index].file.store(
                        files[index].bytes, Int(range.lowerBound)..<Int(range.upperBound))
                    #expect(!progress.contradicts)
                }
                try await files[index].file.prepare(0..<Int64(size))
            }
            #expect(files[index].file.isVerified)
            #expect(try await files[index].file.bytes(0, size) == files[index].bytes, "seed \(seed)")
        }
        let pages = files.reduce(0) { $0 + ($1.bytes.count + 4095) / 4096 * 4096 }
        #expect(cache.usage().used == Int64(pages), "seed \(seed)")
        cache.close()
    }

    private func complete(_ file: File) -> Set<Int> {
        var blocks: Set<Int> = []
        for start in stride(from: 0, to: file.bytes.count, by: Self.blockSize) {
            let end = min(file.bytes.count, start + Self.blockSize)
            if file.arrived[start..<end].allSatisfy({ $0 }) { blocks.insert(start / Self.blockSize) }
        }
        return blocks
    }

    private mutating func setArrived(_ index: Int) {
        let size = files[index].bytes.count
        files[index].arrived = Array(repeating: true, count: size)
        for range in files[index].file.missing(in: 0..<Int64(size)) {
            for offset in range { files[index].arrived[Int(offset)] = false }
        }
    }

    /// Takes over what the file says of a damaged block, which only it can know.
    private mutating func observe(_ index: Int, _ block: Int) {
        let start = block * Self.blockSize
        let end = min(files[index].bytes.count, start + Self.blockSize)
        let missing = files[index].file.missing(in: Int64(start)..<Int64(end))
        guard !missing.isEmpty else { return }
        for offset in start..<end { files[index].arrived[offset] = true }
        for range in missing {
            for offset in range { files[index].arrived[Int(offset)] = false }
        }
        files[index].damaged.remove(block)
        files[index].dropped.insert(block)
        files[index].flushed.remove(block)
    }
}
