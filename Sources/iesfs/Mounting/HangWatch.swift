// SPDX-License-Identifier: Apache-2.0

import IESTakeover

/// Decides whether a worker hangs: none of its threads ever waits for the network or a disk, so one that works on the same
/// request for long does, and so does a worker whose tasks get no turn.
struct HangWatch: Sendable {
    static let interval: Duration = .seconds(10)
    /// Looks that find no change: at least 30 seconds. Counted in looks, so that a machine that slept hangs nobody.
    static let patience = 4

    private var marks: [TakeoverRecord.Mark] = []
    private var heartbeat: UInt64 = 0
    private var unchanged: [Int] = []
    private var withoutBeat = 0

    /// One look, `interval` after the one before.
    ///
    /// - Returns: What is wrong, as a clause; nil: nothing.
    mutating func look(_ marks: [TakeoverRecord.Mark], heartbeat: UInt64) -> String? {
        guard self.marks.count == marks.count else {
            // The first look has nothing to compare with.
            (self.marks, self.heartbeat, unchanged) = (marks, heartbeat, marks.map { _ in 0 })
            return nil
        }
        for (index, mark) in marks.enumerated() {
            unchanged[index] = mark.request != 0 && mark == self.marks[index] ? unchanged[index] + 1 : 0
        }
        withoutBeat = heartbeat == self.heartbeat ? withoutBeat + 1 : 0
        (self.marks, self.heartbeat) = (marks, heartbeat)
        if unchanged.contains(where: { $0 >= Self.patience - 1 }) { return "a thread of it was stuck in one request" }
        if withoutBeat >= Self.patience - 1 { return "it gave no sign of life" }
        return nil
    }
}
