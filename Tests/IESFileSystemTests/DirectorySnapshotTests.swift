// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFileSystem

@Suite struct DirectorySnapshotTests {
    private func snapshot(_ names: some Sequence<String>) -> DirectorySnapshot {
        let items = names.map { DirectorySnapshot.Item(name: $0, content: .node(.statusDirectory)) }
        return DirectorySnapshot(of: .root, parent: .root, items)
    }

    @Test func `going on after any entry gives the rest, each once`() {
        let names = (0..<1000).map { "task\($0)" }
        let all = snapshot(names.shuffled()).entries
        #expect(Set(all.map(\.item.name)) == Set(names))
        #expect(all.map(\.offset) == all.map(\.offset).sorted())
        #expect(Set(all.map(\.offset)).count == all.count)
        #expect(all.allSatisfy { $0.offset >= 3 && $0.offset <= UInt64(Int64.max) })
        let again = snapshot(names)
        for (position, placed) in all.enumerated() {
            #expect(again.entries(after: placed.offset).map(\.item.name) == all[(position + 1)...].map(\.item.name))
        }
    }

    @Test func `an offset means the same after others came and went`() {
        let before = snapshot((0..<100).map { "t\($0)" })
        let after = snapshot((0..<200).map { "t\($0)" }.filter { !$0.hasSuffix("7") })
        for placed in before.entries {
            let rest = Set(before.entries(after: placed.offset).map(\.item.name).filter { !$0.hasSuffix("7") })
            let restLater = Set(after.entries(after: placed.offset).map(\.item.name))
            #expect(rest.isSubset(of: restLater))
            #expect(!restLater.contains(placed.item.name))
        }
    }

    @Test func `nothing follows the last entry, and everything the dots`() {
        let snapshot = snapshot(["a", "b", "c"])
        #expect(snapshot.entries(after: .max).isEmpty)
        #expect(snapshot.entries(after: 2).count == 3)
        #expect(snapshot.entries(after: 0).count == 3)
    }
}
