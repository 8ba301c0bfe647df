// SPDX-License-Identifier: Apache-2.0

/// Chooses what goes when space is needed: a value that holds no file.
///
/// Results that nobody has open go first and whole, the least recently used one first; then blocks of those that are
/// open, the least recently used one first, whosever it is.
enum EvictionOrder {
    struct Result: Sendable {
        var id: VersionID
        /// In seconds since 1970.
        var lastUse: Int64
        /// The space it takes on the disk.
        var bytes: Int64
        /// Its blocks, if it is open.
        var blocks: [Block]?
    }

    struct Block: Hashable, Sendable {
        var number: Int
        /// Grows with each use; 0 if it was not used in this run.
        var lastUse: UInt64
        /// The space it takes on the disk.
        var bytes: Int64
    }

    enum Victim: Hashable, Sendable {
        case result(VersionID)
        case blocks([Int], of: VersionID)
    }

    /// What is to go so that at least `need` bytes are given back, or everything, in order.
    static func victims(among results: [Result], need: Int64) -> [Victim] {
        var left = need
        var victims: [Victim] = []
        for result in results.filter({ $0.blocks == nil }).sorted(by: {
            ($0.lastUse, $0.id.rawValue) < ($1.lastUse, $1.id.rawValue)
        }) {
            if left <= 0 { return victims }
            victims.append(.result(result.id))
            left -= result.bytes
        }
        guard left > 0 else { return victims }
        var open: [(id: VersionID, resultUse: Int64, block: Block)] = []
        for result in results { for block in result.blocks ?? [] { open.append((result.id, result.lastUse, block)) } }
        // What was not used in this run is told apart by when its result was.
        open.sort {
            ($0.block.lastUse, $0.resultUse, $0.block.number) < ($1.block.lastUse, $1.resultUse, $1.block.number)
        }
        var chosen: [VersionID: [Int]] = [:]
        var order: [VersionID] = []
        for (id, _, block) in open {
            if left <= 0 { break }
            if chosen[id] == nil { order.append(id) }
            chosen[id, default: []].append(block.number)
            left -= block.bytes
        }
        return victims + order.map { .blocks(chosen[$0] ?? [], of: $0) }
    }
}
