// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@testable import IESFileSystem

@Suite struct InodeTableTests {
    private func record(_ size: Int64) -> InodeTable.Record {
        InodeTable.Record(node: .statusDirectory, size: size, modified: FileTime(seconds: size))
    }

    @Test func `an inode is known until every look-up was given back`() {
        var table = InodeTable()
        let inode = InodeNumber(rawValue: 7)
        table.add(inode, record(1))
        table.add(inode, record(1))
        table.forget(inode, lookUps: 1)
        #expect(table[inode] == record(1))
        table.forget(inode, lookUps: 1)
        #expect(table[inode] == nil)
        #expect(table.count == 0)
    }

    @Test func `what was told of an inode first holds while it is known`() {
        var table = InodeTable()
        let inode = InodeNumber(rawValue: 7)
        #expect(table.add(inode, record(1)) == record(1))
        #expect(table.add(inode, record(2)) == record(1))
        table.forget(inode, lookUps: 2)
        #expect(table.add(inode, record(3)) == record(3))
    }

    @Test func `the root is never counted`() {
        var table = InodeTable()
        table.add(.root, record(0))
        #expect(table.count == 0)
        table.forget(.root, lookUps: 5)
        #expect(table.count == 0)
    }

    @Test func `giving back too much, or what is not known, harms nothing`() {
        var table = InodeTable()
        table.forget(InodeNumber(rawValue: 9), lookUps: 3)
        table.add(InodeNumber(rawValue: 9), record(1))
        table.forget(InodeNumber(rawValue: 9), lookUps: .max)
        #expect(table.count == 0)
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `random look-ups and forgets keep the counts of a plain dictionary`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = InodeTable()
        var model: [UInt64: UInt64] = [:]
        for _ in 0..<20_000 {
            let number = UInt64.random(in: 2...40, using: &random)
            if Bool.random(using: &random) {
                table.add(InodeNumber(rawValue: number), record(Int64(number)))
                model[number, default: 0] += 1
            } else {
                // As the kernel does: never more than it holds.
                let given = UInt64.random(in: 0...(model[number] ?? 0), using: &random)
                table.forget(InodeNumber(rawValue: number), lookUps: given)
                model[number] = (model[number] ?? 0) - given
                if model[number] == 0 { model[number] = nil }
            }
            #expect(table.count == model.count)
            #expect(table.lookUps(of: InodeNumber(rawValue: number)) == model[number] ?? 0)
            #expect((table[InodeNumber(rawValue: number)] != nil) == (model[number] != nil))
        }
    }
}

/// SplitMix64, so that a failing run can be repeated.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
