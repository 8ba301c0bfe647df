// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

@Suite struct HolderPlanTests {
    private typealias Action = HolderPlan.Action

    /// Without what is only logged.
    private func effects(_ actions: [Action]) -> [Action] {
        actions.filter { if case .log = $0 { false } else { true } }
    }

    private func running() -> HolderPlan {
        var plan = HolderPlan()
        _ = plan.handle(.message(.ready))
        return plan
    }

    @Test func `readiness is reported once`() {
        var plan = HolderPlan()
        #expect(plan.handle(.message(.progress("x"))) == [.report(.progress("x"))])
        #expect(plan.handle(.message(.ready)) == [.report(.ready)])
        #expect(plan.handle(.message(.ready)).isEmpty)
        #expect(plan.handle(.message(.progress("y"))).isEmpty)
    }

    @Test func `a worker that fails at the start takes the mount with it, and its words are reported`() {
        var plan = HolderPlan()
        let failed = ControlMessage.failed("the endpoint refuses the connection", .failure)
        #expect(plan.handle(.message(failed)).isEmpty)
        #expect(
            plan.handle(.workerEnded(.exited(1)))
                == [.disconnect, .unmount(lazily: true), .report(failed), .exit(.failure)])
    }

    @Test func `a worker that dies at the start without a word is reported by how it ended`() {
        var plan = HolderPlan()
        let actions = plan.handle(.workerEnded(.killed(signal: 9)))
        #expect(actions.last == .exit(.failure))
        #expect(
            actions.contains(
                .report(
                    .failed("the worker process was killed by signal 9 (Killed) before the mount was ready", .failure)))
        )
    }

    @Test func `an unmount from outside ends all without a failure, and touches no mount`() {
        var plan = running()
        #expect(plan.handle(.message(.unmounted)).isEmpty)
        #expect(effects(plan.handle(.workerEnded(.exited(0)))) == [.exit(.success)])
    }

    @Test func `asked to stop, it unmounts and lets the worker finish`() {
        var plan = running()
        #expect(effects(plan.handle(.stopRequested)) == [.unmount(lazily: false)])
        #expect(effects(plan.handle(.unmounted(true))) == [.setTimer(HolderPlan.grace)])
        #expect(effects(plan.handle(.message(.unmounted))).isEmpty)
        #expect(effects(plan.handle(.workerEnded(.exited(0)))) == [.exit(.success)])
    }

    @Test func `a mount in use is waited for five seconds, then detached`() {
        var plan = running()
        var actions = effects(plan.handle(.stopRequested))
        var waited: Duration = .zero
        while actions == [.unmount(lazily: false)] {
            #expect(effects(plan.handle(.unmounted(false))) == [.setTimer(HolderPlan.retryInterval)])
            waited += HolderPlan.retryInterval
            actions = effects(plan.handle(.timer))
        }
        #expect(waited == .seconds(5))
        #expect(actions == [.unmount(lazily: true)])
        #expect(effects(plan.handle(.unmounted(true))) == [.setTimer(HolderPlan.graceDetached)])
    }

    @Test func `asked twice, it does not wait for the users`() {
        var plan = running()
        _ = plan.handle(.stopRequested)
        _ = plan.handle(.unmounted(false))
        #expect(effects(plan.handle(.stopRequested)) == [.unmount(lazily: true)])
        #expect(effects(plan.handle(.unmounted(true))) == [.setTimer(HolderPlan.graceDetached)])
    }

    @Test func `a worker that does not finish is ended, then killed`() {
        var plan = running()
        _ = plan.handle(.stopRequested)
        _ = plan.handle(.unmounted(true))
        #expect(effects(plan.handle(.timer)) == [.signalWorker(.terminate), .setTimer(HolderPlan.lastGrace)])
        #expect(effects(plan.handle(.timer)) == [.signalWorker(.kill), .setTimer(HolderPlan.lastGrace)])
        #expect(effects(plan.handle(.workerEnded(.killed(signal: 9)))) == [.exit(.success)])
    }

    @Test func `SIGHUP goes to the worker`() {
        var plan = running()
        #expect(effects(plan.handle(.reloadRequested)) == [.signalWorker(.hangUp)])
    }

    @Test func `a stop before readiness unmounts too`() {
        var plan = HolderPlan()
        #expect(effects(plan.handle(.stopRequested)) == [.unmount(lazily: false)])
        _ = plan.handle(.unmounted(false))
        #expect(
            effects(plan.handle(.workerEnded(.exited(1))))
                == [.disconnect, .unmount(lazily: true), .exit(.success)])
    }
}
