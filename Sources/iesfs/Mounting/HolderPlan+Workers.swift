// SPDX-License-Identifier: Apache-2.0

import IESMount
import Logging

/// How one worker follows another: after a death at once, after many deaths with pauses, and for an upgrade when the new
/// program was loaded.
extension HolderPlan {
    /// The worker serves.
    mutating func tookOver() -> [Action] {
        let isUpgrade = upgrade == .switching
        let isRenewed = phase == .renewing
        phase = .running
        unserved = 0
        upgrade = isUpgrade ? nil : upgrade
        if isUpgrade { return [.log(.notice, "upgraded: a new worker has taken over"), .noteUpgrade(failure: nil)] }
        return [.log(.notice, isRenewed ? "mounted again" : "a new worker has taken over")]
    }

    /// Goes on after a worker that ended.
    mutating func follow(_ end: ChildProcess.End, _ cause: WorkerDeath.Cause, at now: Duration) -> [Action] {
        if upgrade == .draining {
            upgrade = .switching
            phase = .takingOver
            hasWorker = true
            workerStart = now
            return [.setTimer(nil), .promoteCandidate]
        }
        var cause = cause
        if let hang { cause = .hang(hang) }
        hang = nil
        let death = WorkerDeath(end: end, cause: cause)
        var text = death.description
        if case .failed(let words, _) = failure { text = "gave up: \(words)" }
        failure = nil
        if upgrade == .switching { return fallBack(text, at: now) }
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
            return actions + [.log(.warning, words), .disconnect, .unmount(lazily: true), .mountAgain]
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
        return [.setTimer(nil), .startWorker(program)]
    }

    mutating func startFailed(_ text: String, at now: Duration) -> [Action] {
        hasWorker = false
        if upgrade == .switching { return fallBack(text, at: now) }
        let actions: [Action] = [.log(.error, text), .noteDeath("could not be started: \(text)", isSuspicious: false)]
        guard phase == .takingOver else { return actions + giveUp() }
        return actions + pause(for: deaths.died(at: now, startedAt: now) ?? .seconds(1))
    }

    mutating func hung(_ text: String) -> [Action] {
        guard phase == .running else { return [] }
        hang = text
        return [.log(.error, "the worker process hangs: \(text); another one takes over"), .signalWorker(.kill)]
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
            upgrade = .loading
            return [.log(.info, "upgrading, as asked"), .startCandidate, .setTimer(Self.loadTime)]
        case .pausing:
            // There is nobody to drain.
            upgrade = .switching
            return [.log(.info, "upgrading, as asked")] + startNext(.installed, at: now)
        case .running, .starting, .takingOver, .renewing, .releasing, .draining:
            return [.log(.warning, "an upgrade was asked for while another change is under way; not done")]
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
            return endCandidate("the new program's process \(end) before its turn")
        case .switching, nil: return []
        }
    }

    mutating func upgradeIsLate() -> [Action] {
        switch upgrade {
        case .loading: endCandidate("the new program was not loaded within \(Self.loadTime.components.seconds) s")
        case .draining: [.signalWorker(.kill)]
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

    /// The new program's worker ended before it served.
    private mutating func fallBack(_ reason: String, at now: Duration) -> [Action] {
        upgrade = nil
        let words = "the new program's worker \(reason)"
        return [
            .log(.error, "the upgrade failed: \(words); going back to the program before"),
            .noteUpgrade(failure: words),
        ] + startNext(.proven, at: now)
    }
}
