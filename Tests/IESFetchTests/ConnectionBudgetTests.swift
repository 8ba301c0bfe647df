// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFetch

@Suite struct ConnectionBudgetTests {
    static let start = ContinuousClock.now

    private func demand(_ inUse: Int, needed: Int, wanted: Int) -> ConnectionBudget.Demand {
        ConnectionBudget.Demand(inUse: inUse, needed: needed, wanted: wanted)
    }

    @Test func `one file gets what it wants, up to its limit`() {
        var budget = ConnectionBudget(limit: 16, perFile: 8)
        _ = budget.tell(1, demand(0, needed: 1, wanted: 3), at: Self.start)
        #expect(budget.granted(1) == 3)
        _ = budget.tell(1, demand(3, needed: 1, wanted: 20), at: Self.start)
        #expect(budget.granted(1) == 8)
        _ = budget.tell(1, demand(0, needed: 0, wanted: 0), at: Self.start)
        #expect(budget.granted(1) == 0)
    }

    @Test func `a file that comes late gets its share as others' downloads end`() {
        var budget = ConnectionBudget(limit: 4, perFile: 4)
        _ = budget.tell(1, demand(0, needed: 1, wanted: 4), at: Self.start)
        _ = budget.tell(1, demand(4, needed: 1, wanted: 5), at: Self.start)
        #expect(budget.tell(2, demand(0, needed: 0, wanted: 4), at: Self.start) == [], "it only reads ahead")
        #expect(budget.granted(1) == 4 && budget.granted(2) == 0)
        #expect(budget.tell(1, demand(3, needed: 1, wanted: 5), at: Self.start) == [2])
        #expect(budget.granted(1) == 3 && budget.granted(2) == 1)
    }

    @Test func `a waiting read gets a connection at once, from the file that has most`() {
        var budget = ConnectionBudget(limit: 4, perFile: 4)
        _ = budget.tell(1, demand(3, needed: 1, wanted: 3), at: Self.start)
        _ = budget.tell(2, demand(1, needed: 1, wanted: 1), at: Self.start)
        #expect(budget.tell(3, demand(0, needed: 1, wanted: 1), at: Self.start) == [1])
        #expect(budget.granted(1) == 2 && budget.granted(2) == 1)
        #expect(budget.tell(1, demand(2, needed: 1, wanted: 3), at: Self.start) == [3])
        #expect(budget.granted(3) == 1)
    }

    @Test func `waiting reads come before read-ahead`() {
        var budget = ConnectionBudget(limit: 8, perFile: 8)
        _ = budget.tell(1, demand(8, needed: 0, wanted: 8), at: Self.start)
        _ = budget.tell(2, demand(0, needed: 6, wanted: 6), at: Self.start)
        // Each connection that file 1 lets go is file 2's, until that has six.
        for left in (2..<8).reversed() {
            _ = budget.tell(1, demand(left, needed: 0, wanted: 8), at: Self.start)
            #expect(budget.granted(2) == 8 - left)
            #expect(budget.granted(1) == left)
            _ = budget.tell(2, demand(8 - left, needed: 6, wanted: 6), at: Self.start)
        }
    }

    @Test func `with more waiting files than connections each has its turn`() {
        var budget = ConnectionBudget(limit: 4, perFile: 4)
        var inUse = [Int: Int](uniqueKeysWithValues: (0..<10).map { ($0, 0) })
        var served: [Int: Int] = [:]
        for step in 0..<200 {
            let now = Self.start + .milliseconds(50 * step)
            for file in 0..<10 {
                _ = budget.tell(file, demand(inUse[file]!, needed: 1, wanted: 1), at: now)
                inUse[file] = budget.granted(file)
                if inUse[file] == 1 { served[file, default: 0] += 1 }
            }
            #expect(inUse.values.reduce(0, +) <= 4)
        }
        // Ten seconds with four connections for ten files: four seconds each.
        #expect(served.count == 10)
        #expect(served.values.allSatisfy { (40...120).contains($0) }, "\(served)")
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `whatever happens the limits hold, and no file with a waiting read starves beside read-ahead`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var budget = ConnectionBudget(limit: 16, perFile: 8)
        var demands = [ConnectionBudget.Demand](repeating: .init(), count: 12)
        func tell(_ file: Int, _ step: Int) {
            let others = budget.tell(file, demands[file], at: Self.start + .milliseconds(step))
            for id in [file] + others {
                let granted = budget.granted(id)
                // What it may not keep it stops, what it may add it starts.
                demands[id].inUse = min(granted, max(demands[id].wanted, 0))
                demands[id].wanted = max(demands[id].wanted, demands[id].inUse)
            }
        }
        for step in 0..<500 {
            let file = Int(random.next() % 12)
            let wanted = Int(random.next() % 10)
            demands[file].inUse = min(demands[file].inUse, wanted)
            demands[file].wanted = wanted
            demands[file].needed = wanted == 0 ? 0 : Int(random.next() % 2)
            for _ in 0..<10 { for id in demands.indices { tell(id, step) } }
            #expect(demands.reduce(0) { $0 + $1.inUse } <= 16)
            #expect(demands.allSatisfy { $0.inUse <= 8 })
            for demand in demands where demand.needed > 0 { #expect(demand.inUse > 0) }
        }
    }
}
