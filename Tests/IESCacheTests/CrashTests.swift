// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import SystemPackage
import Testing

/// Each form in which a crash, a power cut or a bad disk can leave the directory: the bytes are right, or fetched again.
@Suite struct CrashTests {
    static let size = 65_536 * 6 + 1000
    static let data = content(size, seed: 1)

    /// A cache with one complete result, closed in order or copied while running.
    static func made(_ scratch: Scratch, cleanly: Bool) throws {
        let cache = try scratch.open("made")
        for task in ["t", "u"] {
            try cache.file(for: cache.add(task, size: size)).store(data, 0..<size)
        }
        try cache.flush()
        if !cleanly { try scratch.copy("made", to: "cache") }
        cache.close()
        if cleanly { try scratch.copy("made", to: "cache") }
    }

    /// Whatever can be read is right; what is missing is fetched, and then all is right.
    static func check(_ cache: BlockCache, _ comment: String = "") async throws {
        for task in ["t", "u"] {
            let key = ResultKey(project: "p", task: task)
            let record = try cache.latest(key) ?? cache.add(task, size: size)
            #expect(record.size == Int64(size) && record.key == key && record.details == noDetails, "\(comment)")
            let file = try cache.file(for: record)
            for round in 0..<2 {
                for offset in stride(from: 0, to: size, by: 32_768) {
                    let count = min(32_768, size - offset)
                    let bytes = try await file.bytes(offset, count)
                    #expect(bytes == nil || bytes == Array(data[offset..<(offset + count)]), "\(comment) at \(offset)")
                    #expect(round == 0 || bytes != nil, "\(comment) at \(offset)")
                }
                for range in file.missing(in: 0..<Int64(size)) {
                    try file.store(data, Int(range.lowerBound)..<Int(range.upperBound))
                }
            }
        }
    }

    static func dataFiles(_ scratch: Scratch) -> [FilePath] { Scratch.files(scratch.cachePath.appending("data")) }

    @Test(arguments: [true, false])
    func `an index without data costs a download`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        for file in Self.dataFiles(scratch) { unlink(file.string) }
        try await Self.check(scratch.open())
    }

    @Test(arguments: [true, false])
    func `data without an index costs a download`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        for name in Scratch.names(scratch.cachePath) where name.hasPrefix("index") {
            unlink(scratch.cachePath.appending(name).string)
        }
        try await Self.check(scratch.open())
    }

    @Test(arguments: [true, false])
    func `a lost log of the index loses no more than what it held`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        unlink(scratch.cachePath.appending("index.sqlite-wal").string)
        try await Self.check(scratch.open())
    }

    @Test(arguments: [true, false], [0, 1, 65_536, 70_000, size - 1])
    func `a data file that ends too early is noticed`(cleanly: Bool, length: Int) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        for file in Self.dataFiles(scratch) { truncate(file.string, off_t(length)) }
        try await Self.check(scratch.open())
    }

    @Test(arguments: [true, false])
    func `a torn block is noticed`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        for file in Self.dataFiles(scratch) {
            try Scratch.overwrite(file, at: 65_536 + 4096, Array(Self.data[0..<8192]))
        }
        let cache = try scratch.open()
        try await Self.check(cache)
        #expect(cache.usage().damagedBlocks == 2)
    }

    @Test(arguments: [true, false])
    func `zeros in place of data are noticed`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        for file in Self.dataFiles(scratch) {
            truncate(file.string, 0)
            truncate(file.string, off_t(Self.size))
        }
        let cache = try scratch.open()
        try await Self.check(cache)
        #expect(cache.usage().damagedBlocks == 14)
        #expect(scratch.warnings.all.count == 1)
    }

    @Test(arguments: [true, false])
    func `data files that changed places are noticed`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        let files = Self.dataFiles(scratch)
        try Scratch.write(Array(repeating: 9, count: Self.size), to: files[0])
        rename(files[0].string, scratch.path.appending("x").string)
        rename(files[1].string, files[0].string)
        rename(scratch.path.appending("x").string, files[1].string)
        try await Self.check(scratch.open())
    }

    @Test func `copies taken while blocks are written are right or fetched again`() async throws {
        let scratch = try Scratch()
        let cache = try scratch.open {
            $0.indexBatch = 1
            $0.indexDelay = .milliseconds(1)
        }
        let files = try ["t", "u"].map { try cache.file(for: cache.add($0, size: Self.size)) }
        let writing = Task.detached {
            var random = Seeded(3)
            for _ in 0..<300 {
                let start = Int.random(in: 0..<Self.size, using: &random)
                let end = min(Self.size, start + 30_000)
                try files[Int.random(in: 0...1, using: &random)].store(Self.data, start..<end, piece: 5000)
                await Task.yield()
            }
        }
        for copy in 0..<20 {
            try scratch.copy(to: "copy\(copy)")
            try await Self.check(scratch.open("copy\(copy)"), "copy \(copy)")
        }
        try await writing.value
    }

    static let flips = getenv("IES_LONG") == nil ? 60 : 1000

    @Test(arguments: [true, false])
    func `any flipped bit of any file costs at most a download`(cleanly: Bool) async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: cleanly)
        try scratch.copy(to: "pristine")
        var random = Seeded(cleanly ? 11 : 12)
        for flip in 0..<Self.flips {
            Scratch.remove(scratch.cachePath)
            try scratch.copy("pristine", to: "cache")
            let place = try Self.flipBit(scratch, flip, &random)
            let cache = try scratch.open()
            try await Self.check(cache, "flip \(flip): \(place)")
            cache.close()
        }
    }

    @Test func `a bit flipped under a running cache, in what it has not used, costs at most a download`() async throws {
        let scratch = try Scratch()
        try Self.made(scratch, cleanly: true)
        try scratch.copy(to: "pristine")
        var random = Seeded(13)
        for flip in 0..<Self.flips {
            Scratch.remove(scratch.cachePath)
            try scratch.copy("pristine", to: "cache")
            let cache = try scratch.open()
            if flip % 2 == 0 { _ = try cache.file(for: #require(try cache.latest(ResultKey(project: "p", task: "t")))) }
            let place = try Self.flipBit(scratch, flip, &random)
            try await Self.check(cache, "flip \(flip): \(place)")
            cache.close()
            // And what it wrote is no trap for the next.
            let next = try scratch.open()
            try await Self.check(next, "after flip \(flip): \(place)")
            next.close()
        }
    }

    /// Flips a bit of the index and of the data in turn: by its size the data would get them all.
    static func flipBit(_ scratch: Scratch, _ flip: Int, _ random: inout Seeded) throws -> String {
        let files = Scratch.files(scratch.cachePath).filter { file in
            var status = stat()
            stat(file.string, &status)
            return status.st_size > 0 && (file.string.contains("/data/") == (flip % 3 == 0))
        }
        let file = try #require(files.randomElement(using: &random))
        let bytes = try Scratch.read(file)
        let offset = Int.random(in: 0..<bytes.count, using: &random)
        let bit = UInt8.random(in: 0..<8, using: &random)
        try Scratch.overwrite(file, at: Int64(offset), [bytes[offset] ^ (1 << bit)])
        return "bit \(bit) of byte \(offset) of \(file)"
    }
}
