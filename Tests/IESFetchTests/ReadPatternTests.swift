// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFetch

@Suite struct ReadPatternTests {
    static let mebibyte: Int64 = 1 << 20
    static let kibibyte: Int64 = 1 << 10

    private func pattern(maximum: Int64 = 64 << 20) -> ReadPattern {
        ReadPattern(head: 64 << 10, maximum: maximum)
    }

    /// Notes reads of `count` bytes from `starts`; returns what was wished for.
    @discardableResult
    private func note(
        _ pattern: inout ReadPattern, _ starts: some Sequence<Int64>, count: Int64 = 128 << 10
    ) -> [ReadPattern.Wish] {
        starts.compactMap { pattern.note($0..<$0 + count) }
    }

    @Test func `sequential reading from the start begins with 1 MiB and widens up to the maximum`() throws {
        var pattern = pattern()
        let wishes = note(&pattern, stride(from: 0, to: 200 << 20, by: 128 << 10))
        #expect(wishes.first?.window == Self.mebibyte)
        #expect(wishes.allSatisfy { $0.course == .forward && $0.run == wishes[0].run })
        #expect(zip(wishes, wishes.dropFirst()).allSatisfy { $0.window <= $1.window && $0.position < $1.position })
        let last = try #require(wishes.last)
        #expect(last.window == 64 << 20)
        // It was told again before a window had been read.
        #expect(last.position > (200 - 64) << 20)
        #expect(wishes.count < 40)
    }

    @Test func `what the first request brought is read without a wish for more`() {
        var pattern = pattern()
        #expect(note(&pattern, [0], count: 16 << 10).isEmpty)
        #expect(note(&pattern, [16 << 10], count: 48 << 10).isEmpty)
        #expect(note(&pattern, [64 << 10], count: 4096).count == 1)
    }

    @Test(arguments: [1, 4, 16] as [Int64])
    func `the kernel's read-ahead in another order is still sequential`(group: Int64) {
        var pattern = pattern()
        let pieces = (0..<640 / group).flatMap { number in (0..<group).reversed().map { number * group + $0 } }
        let wishes = note(&pattern, pieces.map { $0 * 131_072 })
        #expect(wishes.last.map { $0.window >= 32 << 20 } == true)
        #expect(Set(wishes.map(\.run)).count == 1)
    }

    @Test(arguments: [2, 3, 4, 8] as [Int64])
    func `each of several readers of one open file has a window of its own`(readers: Int64) {
        var pattern = pattern()
        var last: [Int: ReadPattern.Wish] = [:]
        for step in 0..<400 as Range<Int64> {
            for reader in 0..<readers {
                let start = reader << 30 + reader * reader * 7_777_777 + step * 131_072
                if let wish = pattern.note(start..<start + 131_072) { last[wish.run] = wish }
            }
        }
        #expect(last.count == Int(readers))
        #expect(Set(last.values.map { $0.position >> 30 }) == Set(0..<readers))
        #expect(last.values.allSatisfy { $0.window >= 32 << 20 })
    }

    @Test func `reading backwards is followed backwards`() throws {
        var pattern = pattern()
        let wishes = note(&pattern, stride(from: 500 << 20, to: 400 << 20, by: -(128 << 10)))
        let last = try #require(wishes.last)
        #expect(last.course == .backward && last.window >= 32 << 20)
        #expect(last.position < 450 << 20)
        #expect(pattern.hull(of: 400 << 20 + 131_072..<400 << 20 + 262_144).upperBound == 400 << 20 + 262_144)
    }

    @Test func `reading at equal distances is told as that`() throws {
        var pattern = pattern()
        let wishes = note(&pattern, (1...10 as ClosedRange<Int64>).map { $0 * 32 << 20 })
        let last = try #require(wishes.last)
        #expect(last.course == .stride(32 << 20, length: 128 << 10))
        #expect(last.position == 320 << 20)
        #expect(last.window == 8 * 128 << 10)
    }

    @Test func `a sequential reader among random ones keeps its window`() {
        var pattern = pattern()
        var random = SplitMix(seed: 1)
        var greatest: Int64 = 0
        for step in 0..<1000 as Range<Int64> {
            let start = (1 << 40) + step * 131_072
            if let wish = pattern.note(start..<start + 131_072) { greatest = max(greatest, wish.window) }
            for _ in 0..<9 {
                let start = Int64(random.next() % (1 << 38)) & ~4095
                _ = pattern.note(start..<start + 4096)
            }
        }
        #expect(greatest == 64 << 20)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `random reads of a large file ask for hardly more than they read`(seed: UInt64) {
        var pattern = pattern()
        var random = SplitMix(seed: seed)
        var (asked, fetched): (Int64, Int64) = (0, 0)
        for _ in 0..<5000 {
            let count = Int64(4096 << (random.next() % 5))
            let start = Int64(random.next() % (1 << 30)) & ~4095
            let range = start..<start + count
            asked += count
            if let wish = pattern.note(range) { fetched += 2 * wish.window }
            let hull = pattern.hull(of: range)
            fetched += hull.upperBound - hull.lowerBound
        }
        #expect(fetched <= asked * 5 / 4)
    }

    @Test func `two reads in a row fetch no more than four times what they read`() {
        var pattern = pattern()
        note(&pattern, [100 << 20, 100 << 20 + 4096], count: 4096)
        let next = 100 << 20 + 8192 as Int64
        let hull = pattern.hull(of: next - 4096..<next)
        #expect(hull.upperBound - next <= 32 << 10)
    }

    @Test func `the same read noted twice says nothing`() {
        var pattern = pattern()
        let read: Range<Int64> = 104_857_600..<104_861_696
        note(&pattern, [read.lowerBound, read.lowerBound], count: 4096)
        #expect(pattern.hull(of: read) == read)
    }

    @Test func `with no read-ahead nothing is wished for`() {
        var pattern = pattern(maximum: 0)
        #expect(note(&pattern, stride(from: 0, to: 10 << 20, by: 128 << 10)).isEmpty)
        #expect(pattern.hull(of: 0..<10) == 0..<10)
    }
}
