// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@testable import IESFetch

@Suite struct FetchPlanTests {
    static let mebibyte: Int64 = 1 << 20

    private func plan(size: Int64 = 100 << 20, isStream: Bool = false, limit: Int = 8) -> FetchPlan {
        FetchPlan(size: size, isStream: isStream, limit: limit)
    }

    @Test func `two reads of one range share its download, each goes on with its own bytes`() {
        var plan = plan()
        #expect(
            plan.read(1, range: 0..<100, missing: [0..<1000]) == [.start(download: 0, range: 0..<1000)])
        #expect(plan.read(2, range: 50..<300, missing: [50..<1000]) == [])
        #expect(plan.arrived(0, upTo: 99) == [])
        #expect(plan.arrived(0, upTo: 100) == [.finish(read: 1)])
        #expect(plan.arrived(0, upTo: 299) == [])
        #expect(plan.arrived(0, upTo: 500) == [.finish(read: 2)])
        #expect(plan.arrived(0, upTo: 1000) == [])
        #expect(plan.downloads.isEmpty)
    }

    @Test func `a read of what is held goes on at once`() {
        var plan = plan()
        #expect(plan.read(1, range: 0..<100, missing: [200..<300]) == [.finish(read: 1)])
    }

    @Test func `only the holes of a range are asked for`() {
        var plan = plan()
        let actions = plan.read(1, range: 0..<1000, missing: [100..<200, 500..<600])
        #expect(
            actions == [.start(download: 0, range: 100..<200), .start(download: 1, range: 500..<600)])
        #expect(plan.arrived(1, upTo: 600) == [])
        #expect(plan.arrived(0, upTo: 200) == [.finish(read: 1)])
    }

    @Test func `a read far ahead of the download that would bring it gets one of its own`() {
        var plan = plan()
        let all = 0..<64 * Self.mebibyte
        _ = plan.read(1, range: 0..<4096, missing: [all])
        let far = 40 * Self.mebibyte..<40 * Self.mebibyte + 4096
        let actions = plan.read(2, range: far, missing: [far])
        #expect(actions == [.start(download: 1, range: far)])
        #expect(plan.downloads[0]?.end == far.lowerBound)
        // The first one stops where the second began.
        #expect(plan.arrived(0, upTo: far.lowerBound).contains(.stop(download: 0)))
    }

    @Test func `a read a little ahead waits for the download that brings it`() {
        var plan = plan()
        _ = plan.read(1, range: 0..<4096, missing: [0..<64 * Self.mebibyte])
        let near = 2 * Self.mebibyte..<2 * Self.mebibyte + 4096
        #expect(plan.read(2, range: near, missing: [near]) == [])
    }

    @Test func `no more downloads than the limit, and the rest follow as places become free`() {
        var plan = plan(limit: 2)
        for read in 0..<3 {
            let start = Int64(read) * 10 * Self.mebibyte
            _ = plan.read(read, range: start..<start + 10, missing: [start..<start + 10])
        }
        #expect(plan.downloads.count == 2)
        #expect(
            plan.arrived(0, upTo: 10) == [
                .finish(read: 0), .start(download: 2, range: 20 * Self.mebibyte..<20 * Self.mebibyte + 10),
            ])
    }

    @Test func `a broken body is continued where it broke, four times without a byte at the most`() {
        var plan = plan()
        _ = plan.read(1, range: 0..<1000, missing: [0..<1000])
        _ = plan.arrived(0, upTo: 400)
        let broken = FetchError.service(.transport(.bodyCutShort(received: 400)))
        #expect(plan.ended(0, broken) == [.start(download: 1, range: 400..<1000)])
        #expect(plan.ended(1, broken) == [.start(download: 2, range: 400..<1000)])
        #expect(plan.ended(2, broken) == [.start(download: 3, range: 400..<1000)])
        #expect(plan.ended(3, broken) == [.fail(read: 1, broken)])
        #expect(!plan.hasReads)
    }

    /// A server that restarts resets every connection at once.
    @Test func `connections that break together are one break, and all go on`() {
        var plan = plan()
        for read in 0..<8 {
            let start = Int64(read) * 10 * Self.mebibyte
            _ = plan.read(read, range: start..<start + 10, missing: [start..<start + 10])
        }
        let broken = FetchError.service(.transport(.connectionReset("x")))
        for round in 0..<4 {
            for id in 8 * round..<8 * (round + 1) {
                let actions = plan.ended(id, broken)
                if round < 3 {
                    #expect(actions.count == 1 && plan.downloads.count == 8, "round \(round), \(id): \(actions)")
                } else {
                    // Four times without a byte, as for one connection.
                    #expect(actions.contains { if case .fail = $0 { true } else { false } } || id > 8 * round)
                }
            }
        }
    }

    @Test func `a refusal fails the reads of its range and no others`() {
        var plan = plan()
        _ = plan.read(1, range: 0..<10, missing: [0..<10])
        _ = plan.read(2, range: 5000..<5010, missing: [5000..<5010])
        #expect(plan.ended(0, .contradiction("x")) == [.fail(read: 1, .contradiction("x"))])
        #expect(plan.arrived(1, upTo: 5010) == [.finish(read: 2)])
    }

    @Test func `without ranges there is one download of the whole, begun again when it breaks`() {
        var plan = plan(size: 1000, isStream: true)
        #expect(
            plan.read(1, range: 900..<1000, missing: [500..<1000]) == [
                .start(download: 0, range: 0..<1000)
            ])
        #expect(plan.read(2, range: 0..<10, missing: [0..<10]) == [])
        #expect(plan.arrived(0, upTo: 50) == [.finish(read: 2)])
        #expect(plan.ended(0, .shortBody("")) == [.start(download: 1, range: 0..<1000)])
        #expect(plan.arrived(1, upTo: 1000) == [.finish(read: 1)])
    }

    @Test func `a download that shows that ranges are ignored brings the whole alone`() {
        var plan = plan(size: 1000)
        _ = plan.read(1, range: 100..<200, missing: [100..<200])
        _ = plan.read(2, range: 700..<800, missing: [700..<800])
        #expect(plan.becomeStream(0) == [.stop(download: 1)])
        #expect(plan.arrived(0, upTo: 750) == [.finish(read: 1)])
        #expect(plan.arrived(0, upTo: 1000) == [.finish(read: 2)])
    }

    private func ahead(
        _ missing: [Range<Int64>], piece: Int64 = 1000, least: Int64 = 500, isBackward: Bool = false
    ) -> ReadAhead {
        let target = missing[0].lowerBound..<missing[missing.count - 1].upperBound
        return ReadAhead(missing, of: target, piece: piece, least: least, isBackward: isBackward)
    }

    @Test func `read-ahead leaves small pieces for later, but not the end`() {
        var plan = plan(size: 1000)
        #expect(plan.readAhead(ahead([100..<200]), for: 1) == [])
        #expect(plan.readAhead(ahead([100..<700]), for: 1) == [.start(download: 0, range: 100..<700)])
        #expect(plan.readAhead(ahead([400..<1000]), for: 1) == [.start(download: 1, range: 700..<1000)])
    }

    @Test func `read-ahead goes on piece by piece with as many connections as it may use`() {
        var plan = FetchPlan(size: 100_000, isStream: false, limit: 8, parallel: 2)
        #expect(
            plan.readAhead(ahead([0..<4000]), for: 1) == [
                .start(download: 0, range: 0..<1000), .start(download: 1, range: 1000..<2000),
            ])
        // Near its end the next one begins.
        #expect(plan.arrived(0, upTo: 874) == [])
        #expect(plan.arrived(0, upTo: 875) == [.start(download: 2, range: 2000..<3000)])
        #expect(plan.arrived(0, upTo: 1000) == [])
        plan.forget(reader: 1)
        #expect(plan.arrived(1, upTo: 2000) == [])
    }

    @Test func `a backward reader gets what is next below first`() {
        var plan = FetchPlan(size: 100_000, isStream: false, limit: 8, parallel: 2)
        #expect(
            plan.readAhead(ahead([2000..<5000], isBackward: true), for: 1) == [
                .start(download: 0, range: 4000..<5000), .start(download: 1, range: 3000..<4000),
            ])
    }

    @Test func `a read and what is to follow it are one request`() {
        var plan = plan()
        #expect(plan.read(1, range: 500..<600, missing: [100..<900]) == [.start(download: 0, range: 100..<900)])
    }

    @Test func `without a connection reads wait, and say so`() {
        var plan = plan(limit: 0)
        #expect(plan.read(1, range: 0..<10, missing: [0..<10]) == [])
        #expect(plan.demand == ConnectionBudget.Demand(inUse: 0, needed: 1, wanted: 1))
        #expect(plan.permit(1) == [.start(download: 0, range: 0..<10)])
        #expect(plan.demand == ConnectionBudget.Demand(inUse: 1, needed: 1, wanted: 1))
    }

    @Test func `who has to give up a connection ends what no read waits for, then what is furthest`() {
        var plan = plan(size: 100_000)
        _ = plan.read(1, range: 0..<10, missing: [0..<1000])
        _ = plan.readAhead(ahead([1000..<2000]), for: 1)
        _ = plan.read(2, range: 5000..<5010, missing: [5000..<5010])
        #expect(plan.permit(2) == [.stop(download: 1)])
        #expect(plan.permit(1) == [.stop(download: 2)])
        #expect(plan.arrived(0, upTo: 1000) == [.finish(read: 1), .start(download: 3, range: 5000..<5010)])
    }

    @Test func `a download that lags behind others is cut, and what is left of it goes faster`() {
        var plan = FetchPlan(size: 100 << 20, isStream: false, limit: 2, parallel: 2)
        _ = plan.read(1, range: 0..<4096, missing: [0..<40 << 20])
        _ = plan.readAhead(ahead([40 << 20..<80 << 20], piece: 40 << 20), for: 1)
        #expect(plan.measured([0: 1e6, 1: 99e6]) == [], "both connections are in use")
        #expect(plan.demand == ConnectionBudget.Demand(inUse: 2, needed: 1, wanted: 3))
        let actions = plan.permit(3)
        guard case .start(_, let range)? = actions.first, actions.count == 1 else {
            Issue.record("\(actions)")
            return
        }
        // One part in a hundred is left to it.
        #expect(range.upperBound == 40 << 20 && abs(range.lowerBound - (40 << 20) / 100) <= 1)
        #expect(plan.downloads[0]?.end == range.lowerBound)
    }

    @Test func `one that does not move at all is given up`() {
        var plan = FetchPlan(size: 100 << 20, isStream: false, limit: 3, parallel: 2)
        _ = plan.read(1, range: 0..<4096, missing: [0..<40 << 20])
        _ = plan.readAhead(ahead([40 << 20..<80 << 20], piece: 40 << 20), for: 1)
        #expect(
            plan.measured([0: 0, 1: 99e6]) == [.stop(download: 0), .start(download: 2, range: 0..<40 << 20)])
    }

    @Test func `a connection that is free at the end shares what is left`() {
        var plan = FetchPlan(size: 40 << 20, isStream: false, limit: 1, parallel: 2)
        _ = plan.read(1, range: 0..<4096, missing: [0..<40 << 20])
        #expect(plan.measured([0: 20e6]) == [])
        #expect(plan.permit(plan.demand.wanted) == [.start(download: 1, range: 20 << 20..<40 << 20)])
        #expect(plan.measured([0: 20e6, 1: 20e6]) == [], "no more than two may run")
        #expect(plan.downloads[0]?.end == 20 << 20)
    }

    @Test func `a cancelled read needs nothing, and its download can go`() {
        var plan = plan()
        _ = plan.read(1, range: 0..<10, missing: [0..<1000])
        plan.cancel(read: 1)
        #expect(plan.dropUnneeded() == [.stop(download: 0)])
        #expect(plan.arrived(0, upTo: 10) == [.stop(download: 0)])
    }

    /// A seeded run of reads, arrivals, breaks and cancellations against a plain set of held bytes.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `in any order of events no byte is under way twice, and every read ends once`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let size: Int64 = 200
        let isStream = seed % 5 == 0
        var plan = plan(size: size, isStream: isStream, limit: 3)
        var held = Set<Int64>()
        var open: [Int: (range: Range<Int64>, next: Int64)] = [:]
        var waiting: [Int: Range<Int64>] = [:]
        var nextRead = 0

        func missing(_ range: Range<Int64>) -> [Range<Int64>] {
            var pieces: [Range<Int64>] = []
            for offset in range where !held.contains(offset) {
                if let last = pieces.last, last.upperBound == offset {
                    pieces[pieces.count - 1] = last.lowerBound..<offset + 1
                } else {
                    pieces.append(offset..<offset + 1)
                }
            }
            return pieces
        }
        func carryOut(_ actions: [FetchPlan.Action]) {
            for action in actions {
                switch action {
                case .start(let id, let range):
                    #expect(open[id] == nil)
                    open[id] = (range, isStream ? 0 : range.lowerBound)
                case .stop(let id): open[id] = nil
                case .finish(let read):
                    let range = waiting.removeValue(forKey: read)
                    #expect(
                        range.map { missing($0).isEmpty } == true, "read \(read) went on too early, or twice")
                case .fail(let read, _): #expect(waiting.removeValue(forKey: read) != nil)
                }
            }
            let live = plan.downloads.values.filter { $0.next < $0.end }.sorted { $0.next < $1.next }
            for (left, right) in zip(live, live.dropFirst()) {
                #expect(left.end <= right.next, "asked for twice")
            }
        }

        for _ in 0..<400 {
            switch random.next() % 8 {
            case 0, 1, 2:
                let start = Int64(random.next() % UInt64(size))
                let range = start..<min(size, start + 1 + Int64(random.next() % 30))
                waiting[nextRead] = range
                let ahead = missing(
                    range.lowerBound..<min(size, range.upperBound + Int64(random.next() % 40)))
                carryOut(plan.read(nextRead, range: range, missing: ahead))
                nextRead += 1
            case 3:
                if let read = waiting.keys.sorted().first {
                    waiting[read] = nil
                    plan.cancel(read: read)
                }
            case 4:
                if let id = open.keys.sorted().first {
                    open[id] = nil
                    carryOut(plan.ended(id, random.next() % 3 == 0 ? .contradiction("") : .shortBody("")))
                }
            case 5:
                let all = missing(0..<size)
                if !all.isEmpty { carryOut(plan.readAhead(ahead(all, piece: 60, least: 10), for: 1)) }
            default:
                guard let id = open.keys.sorted().randomElement(using: &random), let download = open[id]
                else {
                    continue
                }
                let end = min(download.range.upperBound, download.next + 1 + Int64(random.next() % 20))
                held.formUnion(download.next..<end)
                open[id] = (download.range, end)
                carryOut(plan.arrived(id, upTo: end))
                if end == download.range.upperBound, open[id] != nil {
                    open[id] = nil
                    carryOut(plan.ended(id, nil))
                }
            }
        }
        // Nobody is left behind: every open download completes, and what it allows to start does too.
        var rounds = 0
        while let id = open.keys.sorted().first, rounds < 1000 {
            rounds += 1
            let download = open[id]!
            held.formUnion(download.next..<download.range.upperBound)
            open[id] = (download.range, download.range.upperBound)
            carryOut(plan.arrived(id, upTo: download.range.upperBound))
            if open.removeValue(forKey: id) != nil { carryOut(plan.ended(id, nil)) }
        }
        #expect(waiting.isEmpty, "reads left waiting: \(waiting)")
    }
}

/// A small seeded generator (Steele, Lea and Flood 2014), so that a failing run can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
