// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESCache
import IESFetch
import IESFileSystem
import IESMount
import IESService
import IESTakeover
import IESTransport
import Logging
import SystemPackage

/// Answers the requests to a mount that its holder made: wires the parts together and runs the session.
struct Worker {
    /// A check may not take longer: the command that waits gives up after `Launcher.deadline`.
    private static let checkLimit: Duration = .seconds(20)
    /// How long readiness waits for a check that only warns.
    private static let warningPatience: Duration = .seconds(3)

    let job: MountJob
    let control: ControlSocket
    let inForeground: Bool
    /// Says that it was loaded and waits for its turn before it touches the cache.
    let standsBy: Bool

    /// How long requests that wait may still be answered when another worker is to take over.
    private static let drainTime: Duration = .seconds(2)

    /// Blocked from the start of its process on: one that comes while it loads waits.
    static let signals = [SIGTERM, SIGINT, SIGHUP]

    /// Returns when the mount has gone. To be called before any other thread is started.
    func run() throws(ProgramError) -> ExitStatus {
        let signals = SignalQueue(Self.signals)
        signal(SIGPIPE, SIG_IGN)
        // A file larger than RLIMIT_FSIZE allows is an error like any other of the cache's disk.
        signal(SIGXFSZ, SIG_IGN)
        umask(0o077)
        ChildProcess.rename("iesfs-worker")
        ProcessLimits.forbidCore()
        ProcessLimits.raiseOpenFiles()
        OutOfMemory.offer()
        ies_show_crashes()
        let log = try LogWriter.standard(for: job, inForeground: inForeground)
        ProgramLogHandler.install(log, level: job.options.logLevel)
        let logger = Logger(label: "iesfs")

        let kept = try record()
        if standsBy, !waitForTurn() { return .success }
        let parts = try WorkerParts(
            job, kept: kept, control: control, log: try job.logDestination(inForeground: inForeground), logger: logger)
        let watch = WorkerWatch(control: control, signals: signals)
        let readiness = Readiness { [control] in control.send(.ready) }
        parts.session.onInit = { readiness.answered() }
        watch.start(
            onHangUp: {
                log.reopen()
                parts.client.reloadCredentials()
            }, onDrain: { parts.session.endForSuccessor(within: Self.drainTime) }, onBeat: { kept.beat() },
            onEnd: { parts.session.endForSuccessor(within: .zero) })

        defer { if watch.isDraining { parts.closeForSuccessor() } else { parts.close() } }
        let tools = startTools(parts, logger)
        defer { tools?.stop() }
        if kept.initMessages == nil {
            try check(parts.client, readiness, logger)
        } else {
            // Readers wait.
            readiness.checked()
        }
        control.send(.progress("the kernel's first request"))
        do {
            try parts.session.run()
        } catch {
            throw ProgramError(error.description)
        }
        if !watch.hasEnded, !watch.isDraining { control.send(.unmounted) }
        return .success
    }

    private func record() throws(ProgramError) -> TakeoverRecord {
        do throws(TakeoverError) {
            return try TakeoverRecord(descriptor: WorkerProcess.Inherited.record)
        } catch {
            throw ProgramError(error.description)
        }
    }

    /// False if it is not its turn any more.
    private func waitForTurn() -> Bool {
        control.send(.loaded)
        while true {
            switch control.receive(waits: true) {
            case .message(.go): return true
            case .ended: return false
            case .message, .nothing: break
            }
        }
    }

    /// Takes commands from people. Without it the mount works all the same.
    private func startTools(_ parts: WorkerParts, _ logger: Logger) -> ToolServer? {
        do throws(ProgramError) {
            return try ToolServer.start(for: job, parts)
        } catch {
            logger.warning(
                "the commands prefetch, evict and cache cannot reach this mount", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private func check(_ client: ServiceClient, _ readiness: Readiness, _ logger: Logger) throws(ProgramError) {
        let check = EndpointCheck(
            client: client, project: job.options.projects.first.flatMap(ProjectID.init(rawValue:)),
            limit: min(job.options.timeout, Self.checkLimit))
        switch job.options.effectiveCheck {
        case .none:
            readiness.checked()
        case .fail:
            control.send(.progress("the endpoint \(job.endpoint) to answer"))
            let failure = Blocking.run { await check.run() }
            if let failure { throw ProgramError(failure) }
            readiness.checked()
        case .warn:
            let control = control
            Task {
                if let failure = await check.run() {
                    logger.warning("\(failure)")
                    control.send(.warning(failure))
                }
                readiness.checked()
            }
            Task {
                try await Task.sleep(for: Self.warningPatience)
                readiness.checked()
            }
        }
    }
}
