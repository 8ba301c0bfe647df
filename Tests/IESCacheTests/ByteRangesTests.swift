// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESCache

@Suite struct ByteRangesTests {
    @Test(arguments: 1...20)
    func `it is a set of offsets`(seed: UInt64) {
        var random = Seeded(seed)
        var ranges = ByteRanges()
        var model = Array(repeating: false, count: 60)
        for _ in 0..<300 {
            let start = Int.random(in: 0..<60, using: &random)
            let end = Int.random(in: start...min(60, start + 15), using: &random)
            let range = Int64(start)..<Int64(end)
            let adds = Bool.random(using: &random)
            if adds { ranges.insert(range) } else { ranges.remove(range) }
            for offset in start..<end { model[offset] = adds }

            #expect(ranges.count == Int64(model.count { $0 }))
            for (left, right) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
                #expect(left.upperBound < right.lowerBound)
            }
            let asked = Int.random(in: 0..<60, using: &random)
            let until = Int.random(in: asked...60, using: &random)
            #expect(ranges.contains(Int64(asked)..<Int64(until)) == model[asked..<until].allSatisfy { $0 })
            var gaps: [Int] = []
            for gap in ranges.gaps(in: Int64(asked)..<Int64(until)) {
                #expect(!gap.isEmpty)
                gaps += gap.map(Int.init)
            }
            #expect(gaps == (asked..<until).filter { !model[$0] })
        }
    }
}
