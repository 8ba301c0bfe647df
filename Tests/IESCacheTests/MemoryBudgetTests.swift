// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import IESCache

@Suite struct MemoryBudgetTests {
    private static let megabyte = 1 << 20

    @Test func `a working disk gets a third of the memory, a failing one all of it`() {
        let budget = MemoryBudget(limit: 30 * Self.megabyte)
        budget.add(10 * Self.megabyte)
        #expect(!budget.hasRoom(for: 1, within: budget.share))
        #expect(budget.hasRoom(for: 20 * Self.megabyte, within: budget.limit))
        #expect(!budget.hasRoom(for: 20 * Self.megabyte + 1, within: budget.limit))
    }

    @Test func `an empty budget has room for what is larger than all of it`() {
        let budget = MemoryBudget(limit: 3)
        #expect(budget.hasRoom(for: 100, within: budget.share))
    }

    @Test func `whoever waits is called once, when a quarter of what may be used is free`() {
        let budget = MemoryBudget(limit: 30 * Self.megabyte)
        let calls = Atomic(0)
        budget.add(10 * Self.megabyte)
        budget.whenRoom(within: budget.share) { calls.add(1, ordering: .relaxed) }
        budget.release(2 * Self.megabyte)
        #expect(calls.load(ordering: .relaxed) == 0)
        budget.release(Self.megabyte)
        budget.release(Self.megabyte)
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test func `each waits for room within its own bound`() {
        let budget = MemoryBudget(limit: 30 * Self.megabyte)
        let working = Atomic(0)
        let failing = Atomic(0)
        budget.add(30 * Self.megabyte)
        budget.whenRoom(within: budget.share) { working.add(1, ordering: .relaxed) }
        budget.whenRoom(within: budget.limit) { failing.add(1, ordering: .relaxed) }
        budget.release(8 * Self.megabyte)
        #expect(failing.load(ordering: .relaxed) == 1 && working.load(ordering: .relaxed) == 0)
        budget.wakeAll()
        budget.release(22 * Self.megabyte)
        #expect(failing.load(ordering: .relaxed) == 1 && working.load(ordering: .relaxed) == 1)
    }
}
