// SPDX-License-Identifier: Apache-2.0

import IESTakeover
import Testing

@testable import iesfs

@Suite struct DeathCountTests {
    @Test func `four deaths in a minute bring no pause, the fifth one does, and then they double up to a minute`() {
        var count = DeathCount()
        var pauses: [Int64?] = []
        for second in 0..<14 {
            let now: Duration = .seconds(second)
            pauses.append(count.died(at: now, startedAt: now - .milliseconds(500))?.components.seconds)
        }
        #expect(pauses == [nil, nil, nil, nil, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    }

    @Test func `deaths further apart than a minute are none of a row`() {
        var count = DeathCount()
        for number in 0..<20 {
            let now: Duration = .seconds(20 * number)
            #expect(count.died(at: now, startedAt: now - .seconds(19)) == nil)
        }
    }

    @Test func `a worker that did well for a minute ends the pauses`() {
        var count = DeathCount()
        for second in 0..<8 { _ = count.died(at: .seconds(second), startedAt: .seconds(second)) }
        #expect(count.died(at: .seconds(100), startedAt: .seconds(20)) == nil)
        #expect(count.died(at: .seconds(101), startedAt: .seconds(100)) == nil)
    }
}

@Suite struct HangWatchTests {
    private typealias Mark = TakeoverRecord.Mark

    @Test func `a thread stuck in one request hangs the worker at the fourth look`() {
        var watch = HangWatch()
        var found: [String?] = []
        for look in 1...4 as ClosedRange<UInt64> {
            found.append(watch.look([Mark(request: 0, turn: 5), Mark(request: 9, turn: 3)], heartbeat: look))
        }
        #expect(found.map { $0 != nil } == [false, false, false, true])
    }

    @Test func `threads that wait, or work on one request after the other, do not hang it`() {
        var watch = HangWatch()
        for look in 1...20 as ClosedRange<UInt64> {
            // The same number again, of a request that came again.
            let marks = [Mark(request: 0, turn: 5), Mark(request: 9, turn: look), Mark(request: look, turn: 1)]
            #expect(watch.look(marks, heartbeat: look) == nil)
        }
    }

    @Test func `a worker whose tasks get no turn hangs`() {
        var watch = HangWatch()
        let marks = [Mark(request: 0, turn: 0)]
        #expect(watch.look(marks, heartbeat: 7) == nil)
        let found = (0..<3).map { _ in watch.look(marks, heartbeat: 7) }
        #expect(found == [nil, nil, "it gave no sign of life"])
    }
}
