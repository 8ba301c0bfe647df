// SPDX-License-Identifier: Apache-2.0

/// Shares the connections of a mount among its files: waiting reads come before read-ahead, then all files get the same.
///
/// Holds no clock: it is told the time. A file that has more than its share gives it up as its downloads end, and at
/// once only where another file's waiting read has none.
struct ConnectionBudget: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What one file does with connections, and could do.
    struct Demand: Hashable, Sendable {
        var inUse = 0
        /// Connections that waiting reads need, those in use included.
        var needed = 0
        /// Connections that would be put to use, those in use included.
        var wanted = 0
    }

    private struct File: Sendable {
        var demand = Demand()
        var granted = 0
        /// Files are served in this order.
        var turn: Int
        /// Since when it has had a connection without a break.
        var since: Instant?
        /// Whether it keeps its connection even if no read waits just now: its reader comes back in a moment.
        var isInTurn = false

        var needed: Int { max(demand.needed, isInTurn ? 1 : 0) }
    }

    /// Where there are more waiting files than connections, each keeps one for so long, or shorter if there are many,
    /// before another has its turn. A download that is ended before its time costs a connection.
    static let turnLength: Duration = .seconds(2)

    let limit: Int
    let perFile: Int
    private var files: [Int: File] = [:]
    private var nextTurn = 0

    init(limit: Int, perFile: Int) {
        self.limit = limit
        self.perFile = min(perFile, limit)
    }

    /// Connections the file may use.
    func granted(_ file: Int) -> Int { files[file]?.granted ?? 0 }

    /// A file's demand is another one now, or it is time to look again.
    ///
    /// - Returns: The other files that may use more or fewer connections than before.
    mutating func tell(_ file: Int, _ demand: Demand, at now: Instant) -> [Int] {
        let before = files.mapValues(\.granted)
        update(file, demand, now)
        assign(now)
        return files.filter { $0.key != file && $0.value.granted != before[$0.key] }.map(\.key).sorted()
    }

    private mutating func update(_ file: Int, _ demand: Demand, _ now: Instant) {
        guard demand != Demand() else {
            files[file] = nil
            return
        }
        var entry = files[file] ?? File(turn: newTurn())
        entry.demand = demand
        if demand.inUse == 0 { entry.since = nil } else { entry.since = entry.since ?? now }
        files[file] = entry
    }

    private mutating func assign(_ now: Instant) {
        passTurns(now)
        var order = files.map { Entry(id: $0.key, file: $0.value) }.sorted { $0.file.turn < $1.file.turn }
        divide(among: &order)
        // Nothing is taken away without need.
        for index in order.indices { order[index].file.granted = order[index].file.demand.inUse }
        var free = limit - order.reduce(0) { $0 + $1.file.granted }
        Self.hand(&free, to: &order, \.file.granted) { $0.share }
        for entry in order where entry.file.demand.needed > 0 && entry.file.granted == 0 && entry.share > 0 {
            takeOne(from: &order)
        }
        for entry in order { files[entry.id] = entry.file }
    }

    private struct Entry {
        let id: Int
        var file: File
        /// What it should have.
        var share = 0
    }

    private func divide(among order: inout [Entry]) {
        var free = limit
        Self.hand(&free, to: &order, \.share) { [perFile] in min(perFile, $0.file.needed) }
        Self.hand(&free, to: &order, \.share) { [perFile] in min(perFile, $0.file.demand.wanted) }
    }

    /// One for each, in order, to those that have least first, while there are any left and any below their bound.
    private static func hand(
        _ free: inout Int, to order: inout [Entry], _ count: WritableKeyPath<Entry, Int>, upTo bound: (Entry) -> Int
    ) {
        while free > 0 {
            let level = order.filter { $0[keyPath: count] < bound($0) }.map { $0[keyPath: count] }.min()
            guard let level else { return }
            for index in order.indices where free > 0 {
                guard order[index][keyPath: count] == level, level < bound(order[index]) else { continue }
                order[index][keyPath: count] += 1
                free -= 1
            }
        }
    }

    /// One connection less for the file that has most above its share.
    private func takeOne(from order: inout [Entry]) {
        let index = order.indices.max { left, right in
            order[left].file.granted - order[left].share < order[right].file.granted - order[right].share
        }
        guard let index, order[index].file.granted > order[index].share else { return }
        order[index].file.granted -= 1
    }

    /// Files that have had a connection for long go behind those that wait for one.
    private mutating func passTurns(_ now: Instant) {
        let length = Self.turnLength * limit / max(files.count, limit)
        for (id, file) in files { files[id]?.isInTurn = file.since.map { now - $0 < length } ?? false }
        guard files.values.contains(where: { $0.demand.needed > 0 && $0.demand.inUse == 0 }) else { return }
        let late = files.filter { $0.value.since != nil && !$0.value.isInTurn }
        for (id, _) in late.sorted(by: { $0.value.turn < $1.value.turn }) {
            let turn = newTurn()
            files[id]?.turn = turn
        }
    }

    private mutating func newTurn() -> Int {
        nextTurn += 1
        return nextTurn
    }
}
