// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService

/// The names of a directory as they were when it was opened.
///
/// An entry's offset follows from its name, not from its place: so it means the same in every handle and
/// every run, whatever came or went meanwhile.
final class DirectorySnapshot: Sendable {
    struct Item: Hashable, Sendable {
        let name: String
        let content: Content
    }

    enum Content: Hashable, Sendable {
        case node(Node)
        case known(ResultRecord, ResultID)
        /// A task that was listed; what its result is has not been asked.
        case unseen(ResultID)
    }

    struct Placed: Sendable {
        let item: Item
        let offset: UInt64
    }

    let node: Node
    let parent: Node
    /// In the order of their offsets; `.` and `..` come first, with the offsets 1 and 2, and are not here.
    let entries: [Placed]

    static let firstOffset: UInt64 = 3

    init(of node: Node, parent: Node, _ items: [Item]) {
        self.node = node
        self.parent = parent
        // 62 bits: offsets are signed for the kernel, and there is room to step aside.
        let hashed = items.map { (hash: max(FNV1a.hash($0.name.utf8) >> 2, Self.firstOffset), item: $0) }
        var last: UInt64 = 0
        entries = hashed.sorted { ($0.hash, $0.item.name) < ($1.hash, $1.item.name) }.map { hash, item in
            last = max(hash, last + 1)
            return Placed(item: item, offset: last)
        }
    }

    /// The entries after `offset`, without `.` and `..`.
    func entries(after offset: UInt64) -> ArraySlice<Placed> {
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].offset > offset { high = middle } else { low = middle + 1 }
        }
        return entries[low...]
    }
}
