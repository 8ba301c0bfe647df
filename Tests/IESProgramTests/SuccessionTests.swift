// SPDX-License-Identifier: Apache-2.0

import IESMount
import Testing

@testable import iesfs

/// How `HolderPlan` lets workers follow each other.
@Suite struct SuccessionTests {
    private typealias Action = HolderPlan.Action

    /// Without what is only logged.
    private func effects(_ actions: [Action]) -> [Action] {
        actions.filter { if case .log = $0 { false } else { true } }
    }

    private func running() -> HolderPlan {
        var plan = HolderPlan()
        plan.ability = .possible
        _ = plan.handle(.message(.ready))
        return plan
    }

    private static let awaited = Action.setTimer(HolderPlan.takeOverTime)
    private static let killed = "was killed by signal 9 (Killed)"
    private static let crashed = "was killed by signal 11 (Segmentation fault)"

    @Test func `a worker that dies is followed at once`() {
        var plan = running()
        #expect(
            effects(plan.handle(.workerEnded(.killed(signal: 9), .somebody)))
                == [.noteDeath(Self.killed, isSuspicious: false), Self.awaited, .startWorker(.proven)])
        #expect(effects(plan.handle(.message(.ready))) == [.setTimer(nil)])
        #expect(plan.phase == .running)
    }

    @Test func `the cause of a death is told`() {
        var plan = running()
        var actions = plan.handle(.workerEnded(.killed(signal: 9), .memory))
        #expect(actions.contains(.noteDeath("\(Self.killed), because memory ran out", isSuspicious: false)))
        actions = plan.handle(.workerEnded(.killed(signal: 11)))
        #expect(actions.contains(.noteDeath(Self.crashed, isSuspicious: true)))
        _ = plan.handle(.message(.failed("the cache is broken", .failure)))
        actions = plan.handle(.workerEnded(.exited(1)))
        #expect(actions.contains(.noteDeath("gave up: the cache is broken", isSuspicious: false)))
        _ = plan.handle(.message(.ready))
        #expect(effects(plan.handle(.hung("it sleeps"))) == [.signalWorker(.kill)])
        actions = plan.handle(.workerEnded(.killed(signal: 9), .somebody))
        #expect(actions.contains(.noteDeath("hung and was killed: it sleeps", isSuspicious: true)))
    }

    @Test func `five crashes in a minute bring a pause in which requests are refused`() {
        var plan = running()
        for second in 1...4 {
            let actions = effects(plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(second)))
            #expect(actions.last == .startWorker(.proven))
            _ = plan.handle(.message(.ready))
        }
        let actions = effects(plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(5)))
        #expect(actions.suffix(2) == [.refuseRequests, .setTimer(.seconds(1))])
        #expect(effects(plan.handle(.timer, at: .seconds(6))) == [Self.awaited, .startWorker(.proven)])
        // It grows.
        #expect(plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(7)).last == .setTimer(.seconds(2)))
    }

    @Test func `however often somebody kills workers, there is no pause, unless none of them gets to serve`() {
        var plan = running()
        for turn in 0..<100 {
            let actions = plan.handle(.workerEnded(.killed(signal: 9), .somebody), at: .seconds(turn))
            #expect(actions.last == .startWorker(.proven))
            if turn.isMultiple(of: 5) { _ = plan.handle(.message(.ready)) }
        }
        let pauses = (100..<120).map { turn -> Bool in
            let actions = plan.handle(.workerEnded(.killed(signal: 9), .somebody), at: .seconds(100))
            if actions.contains(.refuseRequests) {
                _ = plan.handle(.timer, at: .seconds(100))
                return true
            }
            return false
        }
        #expect(pauses.contains(true))
    }

    @Test func `where workers cannot follow each other, the mount is made again, once`() {
        var plan = HolderPlan()
        plan.ability = .impossible("this kernel is old")
        _ = plan.handle(.message(.ready))
        let actions = plan.handle(.workerEnded(.killed(signal: 11)))
        #expect(effects(actions).suffix(4) == [.disconnect, .unmount(lazily: true), Self.awaited, .mountAgain])
        #expect(
            actions.contains { if case .log(_, let text) = $0 { text.contains("this kernel is old") } else { false } })
        #expect(plan.handle(.unmounted(true)).isEmpty)
        #expect(effects(plan.handle(.message(.ready))) == [.setTimer(nil)])
        #expect(plan.phase == .running)
        // One that dies before it serves would do so for ever.
        _ = plan.handle(.workerEnded(.killed(signal: 11)))
        #expect(plan.handle(.workerEnded(.killed(signal: 11))).last == .exit(.failure))
    }

    @Test func `a stop in a pause unmounts, and ends without a worker to wait for`() {
        var plan = running()
        for second in 1...5 { _ = plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(second)) }
        #expect(plan.phase == .pausing)
        #expect(effects(plan.handle(.reloadRequested)).isEmpty)
        #expect(effects(plan.handle(.stopRequested)) == [.unmount(lazily: false)])
        #expect(effects(plan.handle(.unmounted(true))) == [.exit(.success)])
    }

    @Test func `an unmount in a pause ends all without a failure`() {
        var plan = running()
        for second in 1...5 { _ = plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(second)) }
        #expect(effects(plan.handle(.mountEnded)) == [.exit(.success)])
    }

    // MARK: Upgrades

    @Test func `an upgrade waits until the new program is loaded, then has the worker end, then gives it its turn`() {
        var plan = running()
        #expect(
            effects(plan.handle(.upgradeRequested)) == [.startCandidate, .setTimer(HolderPlan.loadTime)])
        #expect(
            effects(plan.handle(.candidate(.loaded))) == [.drainWorker, .setTimer(HolderPlan.drainTime)])
        #expect(effects(plan.handle(.workerEnded(.exited(0)))) == [Self.awaited, .promoteCandidate])
        #expect(effects(plan.handle(.message(.ready))) == [.setTimer(nil), .noteUpgrade(failure: nil)])
        #expect(plan.phase == .running && plan.upgrade == nil)
    }

    @Test(
        arguments: [
            .candidate(.failed("not this version", .failure)), .candidateEnded(.exited(64)), .timer,
        ] as [HolderPlan.Event])
    func `a program that cannot be loaded changes nothing`(event: HolderPlan.Event) {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        let actions = effects(plan.handle(event))
        #expect(actions.prefix(2) == [.setTimer(nil), .endCandidate])
        #expect(actions.contains { if case .noteUpgrade(.some) = $0 { true } else { false } })
        #expect(!actions.contains(.drainWorker))
        #expect(plan.upgrade == nil && plan.phase == .running)
        #expect(plan.handle(.upgradeRequested).contains(.startCandidate), "it can be tried again")
    }

    @Test func `a new program that fails at its turn is followed by the one before`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        _ = plan.handle(.candidate(.loaded))
        _ = plan.handle(.workerEnded(.exited(0)))
        _ = plan.handle(.message(.failed("no cache", .failure)))
        #expect(
            effects(plan.handle(.workerEnded(.exited(1)))) == [
                .noteUpgrade(failure: "the new program's worker gave up: no cache"), Self.awaited,
                .startWorker(.proven),
            ])
    }

    @Test func `a worker that does not drain is killed, and the new program goes on all the same`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        _ = plan.handle(.candidate(.loaded))
        #expect(effects(plan.handle(.timer)) == [.signalWorker(.kill)])
        #expect(
            effects(plan.handle(.workerEnded(.killed(signal: 9), .somebody))) == [Self.awaited, .promoteCandidate])
    }

    @Test func `in a pause an upgrade starts the new program at once`() {
        var plan = running()
        for second in 1...5 { _ = plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(second)) }
        #expect(effects(plan.handle(.upgradeRequested)) == [Self.awaited, .startWorker(.installed)])
        #expect(effects(plan.handle(.message(.ready))) == [.setTimer(nil), .noteUpgrade(failure: nil)])
    }

    @Test func `an unmount while an upgrade loads takes the candidate with it`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        #expect(effects(plan.handle(.stopRequested)).contains(.endCandidate))
    }

    @Test func `a worker that does not get to serve is killed, and the next one follows`() {
        var plan = running()
        _ = plan.handle(.workerEnded(.killed(signal: 11)))
        #expect(effects(plan.handle(.timer)) == [.signalWorker(.kill)])
        let actions = effects(plan.handle(.workerEnded(.killed(signal: 9), .somebody)))
        #expect(actions.last == .startWorker(.proven))
        guard case .noteDeath(let text, isSuspicious: true)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(text.contains("did not take over"))
    }

    /// Both ended between two looks: the worker's end comes first.
    @Test func `a candidate that is gone when its turn comes is followed by the program before`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        _ = plan.handle(.candidate(.loaded))
        #expect(plan.handle(.workerEnded(.killed(signal: 9), .somebody)).last == .promoteCandidate)
        #expect(plan.handle(.candidateEnded(.killed(signal: 9))).isEmpty)
        let actions = effects(plan.handle(.startFailed("the new program's process ended before its turn")))
        #expect(actions.last == .startWorker(.proven))
    }

    @Test func `a worker whose successor is gone has to end all the same, and in time`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        _ = plan.handle(.candidate(.loaded))
        #expect(effects(plan.handle(.candidateEnded(.exited(1)))).last == .setTimer(HolderPlan.drainTime))
        #expect(effects(plan.handle(.timer)) == [.signalWorker(.kill)])
        #expect(effects(plan.handle(.workerEnded(.killed(signal: 9), .somebody))).last == .startWorker(.proven))
        #expect(plan.upgrade == nil)
    }

    @Test func `where workers cannot follow each other an upgrade is refused with the reason`() {
        var plan = running()
        plan.ability = .impossible("this kernel is old")
        let actions = effects(plan.handle(.upgradeRequested))
        guard actions.count == 1, case .noteUpgrade(let failure?) = actions[0] else {
            Issue.record("\(actions)")
            return
        }
        #expect(failure.contains("this kernel is old"))
    }

    @Test func `a new program that crashes soon is followed by the one before, later ones by itself`() {
        func upgraded() -> HolderPlan {
            var plan = running()
            _ = plan.handle(.upgradeRequested, at: .seconds(100))
            _ = plan.handle(.candidate(.loaded), at: .seconds(100))
            _ = plan.handle(.workerEnded(.exited(0)), at: .seconds(100))
            _ = plan.handle(.message(.ready), at: .seconds(100))
            return plan
        }
        var plan = upgraded()
        let actions = effects(plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(110)))
        #expect(actions.last == .startWorker(.previous))
        #expect(actions.contains { if case .noteUpgrade(.some) = $0 { true } else { false } })
        plan = upgraded()
        #expect(
            effects(plan.handle(.workerEnded(.killed(signal: 11)), at: .seconds(161))).last == .startWorker(.proven))
        plan = upgraded()
        let killed = plan.handle(.workerEnded(.killed(signal: 9), .somebody), at: .seconds(110))
        #expect(effects(killed).last == .startWorker(.proven), "not its fault")
    }

    @Test func `who asks for an upgrade while one is under way hears how that one ends`() {
        var plan = running()
        _ = plan.handle(.upgradeRequested)
        #expect(effects(plan.handle(.upgradeRequested)).isEmpty)
        _ = plan.handle(.candidate(.loaded))
        #expect(effects(plan.handle(.upgradeRequested)).isEmpty)
        _ = plan.handle(.workerEnded(.exited(0)))
        #expect(effects(plan.handle(.message(.ready))).contains(.noteUpgrade(failure: nil)))
    }
}
