// SPDX-License-Identifier: Apache-2.0

import Logging

/// Decides what the process that owns a mount does next.
///
/// Holds no clock, process or descriptor: each event returns the actions to carry out, in order.
struct HolderPlan: Sendable {
    enum Event: Hashable, Sendable {
        case message(ControlMessage)
        case workerEnded(ChildProcess.End)
        /// SIGTERM or SIGINT, or the command that waits for readiness has gone.
        case stopRequested
        /// SIGHUP
        case reloadRequested
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
        /// The last action.
        case exit(ExitStatus)
    }

    enum Signal: Hashable, Sendable { case hangUp, terminate, kill }

    /// How often a mount in use is tried again, and how often it is: for five seconds.
    static let retryInterval: Duration = .milliseconds(200)
    static let retries = 25
    /// For the worker to finish after the mount has gone: its cache is synced then.
    static let grace: Duration = .seconds(10)
    /// For those who use a mount that was detached: they were waited for before.
    static let graceDetached: Duration = .seconds(2)
    /// For the worker to end after SIGTERM.
    static let lastGrace: Duration = .seconds(5)

    private enum Phase: Hashable {
        case starting
        case running
        /// Asked to stop; the mount is in use.
        case releasing(triesLeft: Int)
        /// Asked to stop; the mount has gone, the worker not yet.
        case draining(Signal)
    }

    private var phase = Phase.starting
    private var failure: ControlMessage?
    private var wasUnmounted = false

    mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .message(let message): receive(message)
        case .workerEnded(let end): finish(end)
        case .stopRequested: stop()
        case .reloadRequested: [.log(.info, "reading credentials and log file again"), .signalWorker(.hangUp)]
        case .unmounted(let succeeded): unmounted(succeeded)
        case .timer: timer()
        }
    }

    private mutating func receive(_ message: ControlMessage) -> [Action] {
        switch message {
        case .ready:
            guard phase == .starting else { return [] }
            phase = .running
            return [.report(.ready)]
        case .progress, .warning:
            return phase == .starting ? [.report(message)] : []
        case .failed:
            failure = message
            return []
        case .unmounted:
            wasUnmounted = true
            return []
        }
    }

    private mutating func finish(_ end: ChildProcess.End) -> [Action] {
        switch phase {
        case .starting:
            let reason = failure ?? .failed("the worker process \(end) before the mount was ready", .failure)
            return [.disconnect, .unmount(lazily: true), .report(reason), .exit(reason.status)]
        case .running where wasUnmounted:
            return [.log(.info, "unmounted"), .exit(.success)]
        case .running:
            let reason: String
            if case .failed(let text, _) = failure { reason = text } else { reason = "the worker process \(end)" }
            return [
                .log(.error, "\(reason); taking the mount away"), .disconnect, .unmount(lazily: true), .exit(.failure),
            ]
        case .releasing:
            // Nobody answers any more, so that its users need not be waited for.
            return [.disconnect, .unmount(lazily: true), .log(.info, "unmounted"), .exit(.success)]
        case .draining:
            return [.log(.info, "unmounted"), .exit(.success)]
        }
    }

    private mutating func stop() -> [Action] {
        switch phase {
        case .starting, .running:
            phase = .releasing(triesLeft: Self.retries)
            return [.log(.info, "unmounting, as asked"), .unmount(lazily: false)]
        case .releasing:
            // Asked twice: do not wait for those who use it.
            phase = .releasing(triesLeft: 0)
            return [.unmount(lazily: true)]
        case .draining:
            phase = .draining(.kill)
            return [.signalWorker(.kill)]
        }
    }

    private mutating func unmounted(_ succeeded: Bool) -> [Action] {
        guard case .releasing(let triesLeft) = phase else { return [] }
        if succeeded {
            phase = .draining(.terminate)
            return [.setTimer(triesLeft > 0 ? Self.grace : Self.graceDetached)]
        }
        guard triesLeft == Self.retries else { return [.setTimer(Self.retryInterval)] }
        return [.log(.notice, "the mount is in use; waiting for its users"), .setTimer(Self.retryInterval)]
    }

    private mutating func timer() -> [Action] {
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
        case .starting, .running:
            return []
        }
    }
}

extension ControlMessage {
    fileprivate var status: ExitStatus {
        if case .failed(_, let status) = self { return status }
        return .failure
    }
}
