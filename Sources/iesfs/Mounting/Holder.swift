// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import IESMount
import Logging
import SystemPackage

/// Owns the mount: mounts, keeps the descriptor, starts the worker that answers, and unmounts.
///
/// It knows no network and no result, so that there is little in it that could fail. All of it runs on one thread.
struct Holder: ~Copyable {
    private let job: MountJob
    private let inBackground: Bool
    /// To the command that waits for readiness.
    private let reporter: ControlSocket?
    private let manager: ServiceManager
    private let signals: SignalQueue
    private let log: LogWriter
    private var plan = HolderPlan()

    /// - Parameter reporter: Nil in the foreground. To be called before any other thread is started.
    init(_ job: MountJob, reporter: ControlSocket?) throws(ProgramError) {
        signals = SignalQueue([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
        signal(SIGPIPE, SIG_IGN)
        umask(0o077)
        ChildProcess.rename("iesfs")
        ProcessLimits.forbidCore()
        self.job = job
        self.reporter = reporter
        inBackground = reporter != nil
        manager = ServiceManager(environment: job.environment)
        log = try LogWriter.standard(for: job, inForeground: reporter == nil)
    }

    /// Mounts, holds the mount to its end, and returns how that was.
    ///
    /// - Throws: What kept it from mounting at all. A failure of the worker is reported and logged here.
    consuming func run() throws(ProgramError) -> ExitStatus {
        let mountpoint = try job.checkMountpoint()
        report(.progress("the lock of the cache directory"))
        let lock = try lockCache(for: mountpoint)
        report(.progress("the kernel to mount \(mountpoint.path)"))
        let mount: HeldMount
        do throws(MountError) {
            mount = try HeldMount(job.request, at: mountpoint)
        } catch {
            throw ProgramError(error.description)
        }
        // Only now: see Launcher.
        if inBackground { setsid() }
        do throws(ProgramError) {
            let worker = try WorkerProcess(for: job, device: mount.descriptor, lock: lock, inBackground: inBackground)
            return hold(mount, worker)
        } catch {
            mount.disconnect()
            _ = mount.unmount(lazily: true)
            throw error
        }
    }

    private mutating func hold(_ mount: borrowing HeldMount, _ worker: WorkerProcess) -> ExitStatus {
        let clock = ContinuousClock()
        var events: [HolderPlan.Event] = []
        var timer: ContinuousClock.Instant?
        while true {
            while !events.isEmpty {
                for action in plan.handle(events.removeFirst()) {
                    switch action {
                    case .report(let message): carryOut(message, mount)
                    case .log(let level, let text): write(text, level)
                    case .unmount(let lazily):
                        announceStop()
                        events.append(.unmounted(mount.unmount(lazily: lazily)))
                    case .disconnect: mount.disconnect()
                    case .signalWorker(let signal): worker.process.signal(signal.number)
                    case .setTimer(let duration): timer = duration.map { clock.now + $0 }
                    case .exit(let status): return status
                    }
                }
            }
            if let due = timer, due <= clock.now {
                timer = nil
                events.append(.timer)
                continue
            }
            events += waitForEvents(worker, timeout: timer.map { $0 - clock.now })
        }
    }

    private mutating func waitForEvents(_ worker: WorkerProcess, timeout: Duration?) -> [HolderPlan.Event] {
        var descriptors = worker.descriptors + [signals.descriptor]
        if let reporter, !hasReported { descriptors.append(reporter.descriptor) }
        guard let ready = Poll.wait(for: descriptors, timeout: timeout) else { return [] }
        var events = worker.messages().map { HolderPlan.Event.message($0) }
        for line in worker.lastWords() { write("worker: \(line)", .error) }
        if let reporter, !hasReported, ready.contains(reporter.descriptor) {
            hasReported = true
            events.append(.stopRequested)
        }
        while let signal = signals.next() {
            switch signal {
            case SIGHUP where isatty(STDIN_FILENO) == 0:
                log.reopen()
                events.append(.reloadRequested)
            case SIGCHLD:
                guard let end = worker.process.endNow() else { break }
                // What it said before it ended comes first.
                events += worker.messages().map { .message($0) }
                for line in worker.lastWords() { write("worker: \(line)", .error) }
                events.append(.workerEnded(end))
            default: events.append(.stopRequested)
            }
        }
        return events
    }

    /// Whether the command that waits knows how it ended, or has gone.
    private var hasReported = false

    private mutating func carryOut(_ message: ControlMessage, _ mount: borrowing HeldMount) {
        switch message {
        case .ready:
            mount.widenReadAhead()
            write("mounted \(job.source) at \(mount.path)", .info)
            manager.ready("Serving \(mount.path)")
            hasReported = true
        case .failed(let text, _):
            write(text, .error)
            hasReported = true
        case .progress(let text): manager.status("Waiting for \(text)")
        case .warning(let text): write(text, .warning)
        case .unmounted: break
        }
        report(message)
    }

    private var hasAnnouncedStop = false

    private mutating func announceStop() {
        if !hasAnnouncedStop { manager.stopping() }
        hasAnnouncedStop = true
    }

    private func report(_ message: ControlMessage) { reporter?.send(message) }

    private func write(_ text: String, _ level: Logger.Level) {
        if level >= job.options.logLevel { log.write(text, level: level) }
    }

    /// Takes the lock, for which a daemon that is just ending is waited for.
    private func lockCache(for mountpoint: Mountpoint) throws(ProgramError) -> FileDescriptor {
        let directory = try job.cacheDirectory()
        let clock = ContinuousClock()
        let end = clock.now + .seconds(3)
        while true {
            do throws(CacheError) {
                return try CacheLock.acquire(directory, owner: "the mount at \(mountpoint.path)")
            } catch {
                if case .inUse = error, clock.now < end {
                    usleep(50_000)
                    continue
                }
                throw ProgramError(error.description)
            }
        }
    }
}

extension HolderPlan.Signal {
    fileprivate var number: Int32 {
        switch self {
        case .hangUp: SIGHUP
        case .terminate: SIGTERM
        case .kill: SIGKILL
        }
    }
}
