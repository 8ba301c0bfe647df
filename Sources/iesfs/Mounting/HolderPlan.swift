// SPDX-License-Identifier: Apache-2.0

import IESMount
import Logging

/// Decides what the process that owns a mount does next.
///
/// Holds no clock, process or descriptor: each event returns the actions to carry out, in order. See `HolderPlan+Workers`
/// for how workers follow each other.
struct HolderPlan: Sendable {
    enum Event: Hashable, Sendable {
        case message(ControlMessage)
        case workerEnded(ChildProcess.End, WorkerDeath.Cause = .itself)
        /// From the worker that stands by to take over.
        case candidate(ControlMessage)
        case candidateEnded(ChildProcess.End)
        /// A worker could not be started; a sentence that says why.
        case startFailed(String)
        /// The worker hangs; a clause that says how.
        case hung(String)
        /// The mount has gone while there was no worker.
        case mountEnded
        /// SIGTERM or SIGINT, or the command that waits for readiness has gone.
        case stopRequested
        /// SIGHUP
        case reloadRequested
        /// SIGUSR1
        case upgradeRequested
        /// The outcome of `.unmount`: false if the mount is in use.
        case unmounted(Bool)
        /// The time of the last `.setTimer` has come.
        case timer
    }

    enum Action: Hashable, Sendable {
        /// To the command that waits, or to systemd.
        case report(ControlMessage)
        case log(Logger.Level, String)
        /// Answered by `.unmounted`; lazily it always succeeds, and nothing is done to a mount that has gone already.
        case unmount(lazily: Bool)
        /// Gives up the descriptor: whoever waits for an answer gets an error.
        case disconnect
        case signalWorker(Signal)
        /// Replaces the one before; nil: none.
        case setTimer(Duration?)
        /// Starts a worker that takes over, in place of one that has gone.
        case startWorker(Program)
        /// Answers every request with an error until a worker is started.
        case refuseRequests
        /// Mounts again where the mount was taken away, and starts a worker.
        case mountAgain
        /// Keeps for `status` how a worker ended. `isSuspicious`: it may have been its requests' fault.
        case noteDeath(String, isSuspicious: Bool)
        /// Starts the program that is installed now as a worker that stands by.
        case startCandidate
        case endCandidate
        /// Makes the candidate the worker, and gives it its turn.
        case promoteCandidate
        case drainWorker
        /// Keeps for `status` how an upgrade ended: nil: well.
        case noteUpgrade(failure: String?)
        /// The last action.
        case exit(ExitStatus)
    }

    enum Signal: Hashable, Sendable { case hangUp, terminate, kill }

    /// Which program file a worker is started from.
    enum Program: Hashable, Sendable {
        /// That of the last worker that served.
        case proven
        /// That of the worker before the last upgrade.
        case previous
        /// The one installed now.
        case installed
    }

    /// How often a mount in use is tried again, and how often it is: for five seconds.
    static let retryInterval: Duration = .milliseconds(200)
    static let retries = 25
    /// For the worker to finish after the mount has gone: its cache is synced then.
    static let grace: Duration = .seconds(10)
    /// For those who use a mount that was detached: they were waited for before.
    static let graceDetached: Duration = .seconds(2)
    /// For the worker to end after SIGTERM.
    static let lastGrace: Duration = .seconds(5)
    /// For a candidate to say that it was loaded.
    static let loadTime: Duration = .seconds(20)
    /// For a worker to end that was told to drain.
    static let drainTime: Duration = .seconds(15)
    /// For a worker to serve that was started: it may have to wait for a slow disk.
    static let takeOverTime: Duration = .seconds(60)

    /// So many workers in a row that were killed before they served count as crashes.
    static let mostUnserved = 10

    enum Phase: Hashable {
        case starting
        case running
        /// A worker was started after another one, and does not serve yet.
        case takingOver
        /// No worker: the last ones died too fast.
        case pausing
        /// As starting, for a mount that was made again.
        case renewing
        /// Asked to stop; the mount is in use.
        case releasing(triesLeft: Int)
        /// Asked to stop; the mount has gone, the worker not yet.
        case draining(Signal)
    }

    /// How far an upgrade in place has come.
    enum Upgrade: Hashable {
        case loading
        /// The candidate is loaded; the worker was told to end.
        case draining
        /// The new program's worker is taking over.
        case switching
        /// The worker was told to end, and there is no candidate any more.
        case abandoned
    }

    var phase = Phase.starting
    var upgrade: Upgrade?
    var hasWorker = true
    var deaths = DeathCount()
    /// When the present worker was started, as `handle` tells the time.
    var workerStart: Duration = .zero
    /// Workers in a row that ended before they served.
    var unserved = 0
    var failure: ControlMessage?
    var hang: String?
    /// Until then the program that an upgrade brought has not shown that it works.
    var probationEnd: Duration?
    private var wasUnmounted = false

    /// Whether workers can follow each other on this mount; to be set before readiness is told.
    var ability = TakeoverAbility.impossible("it is not known whether this kernel can send requests again")

    /// - Parameter now: The time since any one moment.
    mutating func handle(_ event: Event, at now: Duration = .zero) -> [Action] {
        switch event {
        case .message(let message): receive(message, at: now)
        case .workerEnded(let end, let cause): finish(end, cause, at: now)
        case .candidate(let message): receiveFromCandidate(message)
        case .candidateEnded(let end): candidateEnded(end)
        case .startFailed(let text): startFailed(text, at: now)
        case .hung(let text): hung(text)
        case .mountEnded: hasWorker ? [] : [.log(.info, "unmounted"), .exit(.success)]
        case .stopRequested: stop()
        case .reloadRequested: reload()
        case .upgradeRequested: startUpgrade(at: now)
        case .unmounted(let succeeded): unmounted(succeeded)
        case .timer: timer(at: now)
        }
    }

    private mutating func receive(_ message: ControlMessage, at now: Duration) -> [Action] {
        switch message {
        case .ready:
            switch phase {
            case .starting:
                phase = .running
                return [.report(.ready)]
            case .takingOver, .renewing: return tookOver(at: now)
            case .running, .pausing, .releasing, .draining: return []
            }
        case .progress, .warning:
            return phase == .starting ? [.report(message)] : []
        case .failed:
            failure = message
            return []
        case .unmounted:
            wasUnmounted = true
            return []
        case .loaded, .go, .drain: return []
        }
    }

    private mutating func finish(
        _ end: ChildProcess.End, _ cause: WorkerDeath.Cause, at now: Duration
    ) -> [Action] {
        hasWorker = false
        switch phase {
        case .starting:
            let reason = failure ?? .failed("the worker process \(end) before the mount was ready", .failure)
            return [.disconnect, .unmount(lazily: true), .report(reason), .exit(reason.status)]
        case .running, .takingOver, .renewing, .pausing:
            if wasUnmounted { return endCandidate() + [.log(.info, "unmounted"), .exit(.success)] }
            return follow(end, cause, at: now)
        case .releasing:
            // Nobody answers any more, so that its users need not be waited for.
            return [.disconnect, .unmount(lazily: true), .log(.info, "unmounted"), .exit(.success)]
        case .draining:
            return [.log(.info, "unmounted"), .exit(.success)]
        }
    }

    private mutating func stop() -> [Action] {
        switch phase {
        case .starting, .running, .takingOver, .pausing, .renewing:
            phase = .releasing(triesLeft: Self.retries)
            return endCandidate() + [.log(.info, "unmounting, as asked"), .unmount(lazily: false)]
        case .releasing:
            // Asked twice: do not wait for those who use it.
            phase = .releasing(triesLeft: 0)
            return [.unmount(lazily: true)]
        case .draining:
            phase = .draining(.kill)
            return [.signalWorker(.kill)]
        }
    }

    private func reload() -> [Action] {
        [.log(.info, "reading credentials and log file again")] + (hasWorker ? [.signalWorker(.hangUp)] : [])
    }

    private mutating func unmounted(_ succeeded: Bool) -> [Action] {
        guard case .releasing(let triesLeft) = phase else { return [] }
        if succeeded {
            guard hasWorker else { return [.log(.info, "unmounted"), .exit(.success)] }
            phase = .draining(.terminate)
            return [.setTimer(triesLeft > 0 ? Self.grace : Self.graceDetached)]
        }
        guard triesLeft == Self.retries else { return [.setTimer(Self.retryInterval)] }
        return [.log(.notice, "the mount is in use; waiting for its users"), .setTimer(Self.retryInterval)]
    }

    private mutating func timer(at now: Duration) -> [Action] {
        switch phase {
        case .releasing(let triesLeft) where triesLeft > 1:
            phase = .releasing(triesLeft: triesLeft - 1)
            return [.unmount(lazily: false)]
        case .releasing:
            phase = .releasing(triesLeft: 0)
            return [.log(.warning, "the mount is still in use; detaching it"), .unmount(lazily: true)]
        case .draining(let signal):
            phase = .draining(.kill)
            return [.signalWorker(signal), .setTimer(Self.lastGrace)]
        case .pausing: return startNext(.proven, at: now)
        case .running: return upgradeIsLate()
        case .takingOver, .renewing: return takeoverIsLate()
        case .starting: return []
        }
    }
}

extension ControlMessage {
    var status: ExitStatus {
        if case .failed(_, let status) = self { return status }
        return .failure
    }
}
