// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFileSystem

@Suite struct HandleTableTests {
    @Test func `a released handle is not its slot's next user`() {
        var table = HandleTable<String>()
        let first = table.insert("first")
        #expect(first.rawValue != 0)
        #expect(table.remove(first) == "first")
        let second = table.insert("second")
        #expect(second != first)
        #expect(table[first] == nil)
        #expect(table.remove(first) == nil)
        #expect(table[second] == "second")
        #expect(table.count == 1)
    }

    @Test func `a number that was never a handle stands for nothing`() {
        var table = HandleTable<String>()
        #expect(table[HandleID(rawValue: 0)] == nil)
        _ = table.insert("one")
        for number in [0, 1, 5, UInt64.max, UInt64(7) << 32] { #expect(table[HandleID(rawValue: number)] == nil) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random opens and releases are those of a plain dictionary`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = HandleTable<Int>()
        var model: [HandleID: Int] = [:]
        for step in 0..<10_000 {
            if Bool.random(using: &random) || model.isEmpty {
                let handle = table.insert(step)
                #expect(model.updateValue(step, forKey: handle) == nil)
            } else if let handle = model.keys.randomElement(using: &random) {
                #expect(table.remove(handle) == model.removeValue(forKey: handle))
            }
            #expect(table.count == model.count)
        }
        for (handle, value) in model { #expect(table[handle] == value) }
    }
}
