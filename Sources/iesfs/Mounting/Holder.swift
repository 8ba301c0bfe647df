// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import IESMount
import IESTakeover
import Logging
import SystemPackage

/// Owns the mount: mounts, keeps the descriptor, starts the workers that answer, and unmounts.
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
    private let installedPath = Executable.installedPath

    /// - Parameter reporter: Nil in the foreground. To be called before any other thread is started.
    init(_ job: MountJob, reporter: ControlSocket?) throws(ProgramError) {
        signals = SignalQueue([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD])
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        umask(0o077)
        ChildProcess.rename("iesfs")
        ProcessLimits.forbidCore()
        OutOfMemory.spare()
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
        var workers: WorkerSuccession
        do throws(ProgramError) {
            workers = try WorkerSuccession(job, lock: lock, inBackground: inBackground)
            try workers.start(on: mount.descriptor)
        } catch {
            mount.disconnect()
            _ = mount.unmount(lazily: true)
            throw error
        }
        return hold(mount, &workers)
    }

    private mutating func hold(_ mount: consuming HeldMount, _ workers: inout WorkerSuccession) -> ExitStatus {
        var mount = mount
        let clock = ContinuousClock()
        let start = clock.now
        var events: [HolderPlan.Event] = []
        var timer: ContinuousClock.Instant?
        var chores = HolderChores(manager, at: clock.now)
        while true {
            while !events.isEmpty {
                for action in plan.handle(events.removeFirst(), at: clock.now - start) {
                    switch action {
                    case .report(let message): carryOut(message, mount)
                    case .log(let level, let text): write(text, level)
                    case .unmount(let lazily):
                        if case .releasing = plan.phase { announceStop() }
                        events.append(.unmounted(mount.unmount(lazily: lazily)))
                    case .disconnect: mount.disconnect()
                    case .setTimer(let duration): timer = duration.map { clock.now + $0 }
                    case .mountAgain:
                        do throws(ProgramError) {
                            mount = try mountAgain()
                            try workers.beginAgain(on: mount.descriptor)
                        } catch {
                            events.append(.startFailed(error.description))
                        }
                    case .exit(let status): return status
                    default: events += workers.carryOut(action, on: mount.descriptor, installedPath: installedPath)
                    }
                }
            }
            if let due = timer, due <= clock.now {
                timer = nil
                events.append(.timer)
                continue
            }
            let now = clock.now
            if chores.isDue(at: now), let hang = chores.carryOut(at: now, workers, isServing: plan.phase == .running) {
                events.append(.hung(hang))
                continue
            }
            let next = [timer, chores.next].compactMap { $0 }.min()
            events += waitForEvents(&workers, timeout: next.map { $0 - now })
        }
    }

    private mutating func waitForEvents(
        _ workers: inout WorkerSuccession, timeout: Duration?
    ) -> [HolderPlan.Event] {
        var descriptors = workers.descriptors + [signals.descriptor]
        if let reporter, !hasReported { descriptors.append(reporter.descriptor) }
        guard let ready = Poll.wait(for: descriptors, timeout: timeout) else { return [] }
        var events = workers.events(log)
        if let reporter, !hasReported, ready.contains(reporter.descriptor) {
            hasReported = true
            events.append(.stopRequested)
        }
        while let signal = signals.next() {
            switch signal {
            case SIGHUP where isatty(STDIN_FILENO) == 0:
                log.reopen()
                events.append(.reloadRequested)
            case SIGUSR1: events.append(.upgradeRequested)
            case SIGCHLD: events += workers.reap(log)
            default: events.append(.stopRequested)
            }
        }
        if events.contains(.message(.ready)) { plan.ability = workers.ability }
        return events
    }

    /// Whether the command that waits knows how it ended, or has gone.
    private var hasReported = false

    private mutating func carryOut(_ message: ControlMessage, _ mount: borrowing HeldMount) {
        switch message {
        case .ready:
            mount.widenReadAhead()
            write("mounted \(job.source) at \(mount.path)", .info)
            if case .impossible(let reason) = plan.ability {
                write("if the worker dies, the mount has to be made again: \(reason)", .notice)
            }
            manager.ready("Serving \(mount.path)")
            hasReported = true
        case .failed(let text, _):
            write(text, .error)
            hasReported = true
        case .progress(let text): manager.status("Waiting for \(text)")
        case .warning(let text): write(text, .warning)
        case .unmounted, .loaded, .go, .drain: break
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

    private func mountAgain() throws(ProgramError) -> HeldMount {
        do throws(MountError) {
            let mount = try HeldMount(job.request, at: try Mountpoint.check(job.mountpoint))
            mount.widenReadAhead()
            return mount
        } catch {
            throw ProgramError(error.description)
        }
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
