// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESCache

@Suite struct EvictionOrderTests {
    private func closed(_ id: Int64, usedAt: Int64, bytes: Int64) -> EvictionOrder.Result {
        EvictionOrder.Result(id: VersionID(rawValue: id), lastUse: usedAt, bytes: bytes)
    }

    private func open(_ id: Int64, usedAt: Int64 = 0, _ blocks: [(Int, UInt64)]) -> EvictionOrder.Result {
        let blocks = blocks.map { EvictionOrder.Block(number: $0.0, lastUse: $0.1, bytes: 10) }
        return EvictionOrder.Result(
            id: VersionID(rawValue: id), lastUse: usedAt, bytes: Int64(blocks.count) * 10, blocks: blocks)
    }

    @Test func `whole results go first, the least recently used one first, and no more than needed`() {
        let results = [
            closed(1, usedAt: 30, bytes: 5), closed(2, usedAt: 10, bytes: 5), closed(3, usedAt: 20, bytes: 5),
        ]
        let ids = [2, 3, 1].map { EvictionOrder.Victim.result(VersionID(rawValue: $0)) }
        #expect(EvictionOrder.victims(among: results, need: 5) == Array(ids[..<1]))
        #expect(EvictionOrder.victims(among: results, need: 6) == Array(ids[..<2]))
        #expect(EvictionOrder.victims(among: results, need: 100) == ids)
        #expect(EvictionOrder.victims(among: results, need: 0) == [])
    }

    @Test func `what is open goes last, by block, whosever was used longest ago`() {
        let results = [open(1, [(0, 5), (1, 2), (2, 9)]), closed(2, usedAt: 99, bytes: 5), open(3, [(7, 3), (8, 4)])]
        #expect(
            EvictionOrder.victims(among: results, need: 35) == [
                .result(VersionID(rawValue: 2)), .blocks([1], of: VersionID(rawValue: 1)),
                .blocks([7, 8], of: VersionID(rawValue: 3)),
            ])
    }

    @Test func `blocks not used in this run go by the last use of their result`() {
        let results = [open(1, usedAt: 8, [(0, 0)]), open(2, usedAt: 7, [(0, 0), (1, 1)])]
        #expect(
            EvictionOrder.victims(among: results, need: 20) == [
                .blocks([0], of: VersionID(rawValue: 2)), .blocks([0], of: VersionID(rawValue: 1)),
            ])
    }
}

@Suite struct SpaceAccountTests {
    @Test func `no more is reserved than the limit allows`() {
        var account = SpaceAccount(limit: 100, keptFree: 0, used: 90, free: 1000)
        let answer1 = account.reserve(11)
        #expect(!answer1)
        let answer2 = account.reserve(10)
        #expect(answer2)
        let answer3 = account.reserve(1)
        #expect(!answer3)
        account.release(5)
        let answer4 = account.reserve(5)
        #expect(answer4)
        #expect(account.effectiveLimit == 100)
    }

    @Test func `where others fill the disk, the cache may take less`() {
        var account = SpaceAccount(limit: 100, keptFree: 20, used: 50, free: 40)
        #expect(account.effectiveLimit == 70)
        let answer5 = account.reserve(20)
        #expect(answer5)
        // What the cache itself wrote is not counted twice.
        account.look(free: 20)
        #expect(account.effectiveLimit == 70)
        account.look(free: 5)
        #expect(account.effectiveLimit == 55)
        let answer6 = account.reserve(1)
        #expect(!answer6)
        account.look(free: 0)
        account.release(70)
        #expect(account.effectiveLimit == 50)
        account.look(free: 0)
        #expect(account.effectiveLimit == 0)
    }
}
