// SPDX-License-Identifier: Apache-2.0

import IESMount
import Logging

/// How one worker follows another: after a death at once, after many deaths with pauses, and for an upgrade when the new
/// program was loaded.
extension HolderPlan {
    /// The worker serves.
    mutating func tookOver(at now: Duration) -> [Action] {
        let isUpgrade = upgrade == .switching
        let isRenewed = phase == .renewing
        phase = .running
        unserved = 0
        upgrade = isUpgrade ? nil : upgrade
        guard isUpgrade else {
            return [.setTimer(nil), .log(.notice, isRenewed ? "mounted again" : "a new worker has taken over")]
        }
        probationEnd = now + DeathCount.window
        return [
            .setTimer(nil), .log(.notice, "upgraded: a new worker has taken over"), .noteUpgrade(failure: nil),
        ]
    }

    /// Goes on after a worker that ended.
    mutating func follow(_ end: ChildProcess.End, _ cause: WorkerDeath.Cause, at now: Duration) -> [Action] {
        // What was said of this worker is not said of the next.
        let cause = hang.map { .hang($0) } ?? cause
        let death = WorkerDeath(end: end, cause: cause)
        var text = death.description
        if case .failed(let words, _) = failure { text = "gave up: \(words)" }
        (hang, failure) = (nil, nil)
        switch upgrade {
        case .draining:
            upgrade = .switching
            phase = .takingOver
            hasWorker = true
            workerStart = now
            return [.setTimer(Self.takeOverTime), .promoteCandidate]
        case .switching: return fallBack(text, to: .proven, at: now)
        case .abandoned: upgrade = nil
        case .loading, nil: break
        }
        if let end = probationEnd, now < end, death.isSuspicious, phase != .renewing {
            return endCandidate() + [.noteDeath(text, isSuspicious: true)] + fallBack(text, to: .previous, at: now)
        }
        var actions: [Action] = endCandidate("the worker in use \(text)")
        actions += [
            .log(.error, "the worker process \(text)"), .noteDeath(text, isSuspicious: death.isSuspicious),
        ]
        if phase == .renewing { return actions + giveUp() }
        switch ability {
        case .impossible(let reason):
            phase = .renewing
            hasWorker = true
            workerStart = now
            let words = "mounting again, because \(reason); files that were open there are lost to their programs"
            return actions + [
                .log(.warning, words), .disconnect, .unmount(lazily: true), .setTimer(Self.takeOverTime), .mountAgain,
            ]
        case .possible:
            // Whoever kills a worker finds another one: that is no reason to stop serving, unless none ever gets so far.
            unserved += phase == .takingOver ? 1 : 0
            let counts = cause != .somebody || unserved >= Self.mostUnserved
            guard counts, let pause = deaths.died(at: now, startedAt: workerStart) else {
                return actions + startNext(.proven, at: now)
            }
            return actions + self.pause(for: pause)
        }
    }

    mutating func startNext(_ program: Program, at now: Duration) -> [Action] {
        phase = .takingOver
        hasWorker = true
        workerStart = now
        return [.setTimer(Self.takeOverTime), .startWorker(program)]
    }

    mutating func startFailed(_ text: String, at now: Duration) -> [Action] {
        hasWorker = false
        if upgrade == .switching { return fallBack(text, to: .proven, at: now) }
        let actions: [Action] = [.log(.error, text), .noteDeath("could not be started: \(text)", isSuspicious: false)]
        guard phase == .takingOver else { return actions + giveUp() }
        return actions + pause(for: deaths.died(at: now, startedAt: now) ?? .seconds(1))
    }

    mutating func hung(_ text: String) -> [Action] {
        guard phase == .running else { return [] }
        hang = text
        return [.log(.error, "the worker process hangs: \(text); another one takes over"), .signalWorker(.kill)]
    }

    /// It does not serve, and has had the time to.
    mutating func takeoverIsLate() -> [Action] {
        hang = "it did not take over within \(Self.takeOverTime.components.seconds) s"
        return [.signalWorker(.kill)]
    }

    private mutating func pause(for pause: Duration) -> [Action] {
        phase = .pausing
        let words =
            "workers die again and again; the next one is started in \(pause.components.seconds) s, and until then every "
            + "request fails"
        return [.log(.error, words), .refuseRequests, .setTimer(pause)]
    }

    private func giveUp() -> [Action] {
        [.log(.error, "taking the mount away"), .disconnect, .unmount(lazily: true), .exit(.failure)]
    }
}

/// Upgrades in place.
extension HolderPlan {
    mutating func startUpgrade(at now: Duration) -> [Action] {
        switch phase {
        case .running where upgrade == nil:
            if case .impossible(let reason) = ability {
                let words = "not tried, because \(reason): unmount and mount again"
                return [.log(.error, "the upgrade failed: \(words)"), .noteUpgrade(failure: words)]
            }
            upgrade = .loading
            return [.log(.info, "upgrading, as asked"), .startCandidate, .setTimer(Self.loadTime)]
        case .pausing:
            // There is nobody to drain.
            upgrade = .switching
            return [.log(.info, "upgrading, as asked")] + startNext(.installed, at: now)
        // Whoever asks then hears how that one ends.
        case .running: return [.log(.info, "an upgrade is under way already")]
        case .starting, .takingOver, .renewing, .releasing, .draining:
            let words = "not done, because another change is under way: try again"
            return [.log(.warning, "the upgrade failed: \(words)"), .noteUpgrade(failure: words)]
        }
    }

    mutating func receiveFromCandidate(_ message: ControlMessage) -> [Action] {
        switch message {
        case .loaded where upgrade == .loading:
            upgrade = .draining
            return [.drainWorker, .setTimer(Self.drainTime)]
        case .failed(let text, _) where upgrade == .loading: return endCandidate(text)
        default: return []
        }
    }

    mutating func candidateEnded(_ end: ChildProcess.End) -> [Action] {
        switch upgrade {
        case .loading: return endCandidate("the new program's process \(end) before it was loaded")
        case .draining:
            // The worker ends all the same: it has stopped reading. Its own program follows it.
            let actions = endCandidate("the new program's process \(end) before its turn")
            upgrade = .abandoned
            return actions + [.setTimer(Self.drainTime)]
        case .switching, .abandoned, nil: return []
        }
    }

    mutating func upgradeIsLate() -> [Action] {
        switch upgrade {
        case .loading: endCandidate("the new program was not loaded within \(Self.loadTime.components.seconds) s")
        case .draining, .abandoned: [.signalWorker(.kill)]
        case .switching, nil: []
        }
    }

    /// Gives an upgrade up, if one is under way.
    ///
    /// - Parameter reason: Kept for `status`; nil: there is nobody to tell.
    mutating func endCandidate(_ reason: String? = nil) -> [Action] {
        guard upgrade == .loading || upgrade == .draining else { return [] }
        upgrade = nil
        var actions: [Action] = [.setTimer(nil), .endCandidate]
        if let reason { actions += [.log(.error, "the upgrade failed: \(reason)"), .noteUpgrade(failure: reason)] }
        return actions
    }

    /// The new program's worker ended before it served, or soon after.
    private mutating func fallBack(_ reason: String, to program: Program, at now: Duration) -> [Action] {
        upgrade = nil
        probationEnd = nil
        let words = "the new program's worker \(reason)"
        return [
            .log(.error, "the upgrade failed: \(words); going back to the program before"),
            .noteUpgrade(failure: words),
        ] + startNext(program, at: now)
    }
}
