// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
package import IESFileSystem
package import IESTakeover
package import Logging
import Synchronization
import SystemPackage

/// How a session serves its mount.
package struct SessionSettings: Hashable, Sendable {
    /// The most threads that read requests. None of them waits for the network, but each may wait for a lock, the index
    /// or the processor, so a few more than there are processors. Measured with 2 processors and 4 readers: one thread brings
    /// 3.0 GB/s, two to four bring 3.9, and eight 3.1.
    package var threads: Int
    /// `allow_root`: everybody but root and this process's user is refused, though the kernel lets all in.
    package var refusesOthers: Bool
    /// How long requests that wait may take to end after the mount has gone.
    package var drainTime: Duration
    package var passthrough: PassthroughWish

    package init(
        threads: Int? = nil, refusesOthers: Bool = false, drainTime: Duration = .seconds(5),
        passthrough: PassthroughWish = .none("it is not asked for")
    ) {
        self.passthrough = passthrough
        self.threads = threads ?? min(max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) + 2, 4), 16)
        self.refusesOthers = refusesOthers
        self.drainTime = drainTime
    }
}

/// Why a session could not serve, or stopped before the mount did.
package struct SessionError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Serves a mount that somebody else made: the worker's part.
///
/// It never mounts and never unmounts. It reads requests from a descriptor of `/dev/fuse`, which it takes over and closes
/// when it has ended; the holder's copy keeps the mount.
package final class MountSession: Sendable {
    private struct State {
        var onInit: @Sendable () -> Void = {}
        var mustEnd = false
        /// What was not answered after this time is left to another worker; nil: it is answered with an error.
        var leavesRestAfter: Duration?
        var running: Running?
    }

    /// What `end` needs of a loop.
    private struct Running: @unchecked Sendable {
        // Used under the state's lock only, and taken away there before the session is destroyed and the thread leaves.
        let session: OpaquePointer
        let thread: pthread_t
    }

    private let descriptor: Int32
    private let settings: SessionSettings
    private let bridge: Bridge
    private let logger: Logger
    private let kept: TakeoverRecord?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: Of `/dev/fuse`, mounted.
    ///   - kept: Of the mount. One that holds an INIT makes this session take over from an earlier worker's.
    package init(
        fileSystem: ResultFileSystem, descriptor: Int32, kept: TakeoverRecord? = nil,
        settings: SessionSettings = SessionSettings(), logger: Logger
    ) {
        self.kept = kept
        self.descriptor = descriptor
        self.settings = settings
        self.logger = logger
        bridge = Bridge(fileSystem: fileSystem, logger: logger)
    }

    /// Called once INIT was answered, that is when the mount answers; on a libfuse thread, so it must not wait.
    package var onInit: @Sendable () -> Void {
        get { state.withLock(\.onInit) }
        set { state.withLock { $0.onInit = newValue } }
    }

    /// How many requests wait for the network or the disk.
    package var waitingRequests: Int { bridge.waiting.count }

    /// Serves until the mount has gone or `end` is called, blocking this thread; then ends what still waits. Call it once.
    package func run() throws(SessionError) {
        let device = SessionDevice(
            bridge: bridge, exchange: InitExchange(stackDepth: settings.passthrough.stackDepth), kept: kept
        ) { [self] agreed in
            bridge.fileSystem.passThrough(settings.passthrough.standing(after: agreed, on: descriptor))
            onInit()
        }
        let session = try device.open(descriptor, refusesOthers: settings.refusesOthers)
        let invalidations = try startInvalidations(session)
        var result: Int32 = 0
        if try takeOver(device, session) { result = loop(session) }

        // The loop has taken its own mark back. With it libfuse does not complain of replies that find no mount.
        fuse_session_exit(session)
        bridge.fileSystem.onInvalidEntry = { _, _ in }
        if let time = state.withLock(\.leavesRestAfter) {
            _ = bridge.waiting.drained(within: time)
            device.fallSilent()
        }
        bridge.waiting.close()
        let isDrained = bridge.waiting.drained(within: settings.drainTime)
        let isQuiet = invalidations.stop(within: settings.drainTime)
        if isDrained && isQuiet {
            fuse_session_destroy(session)
        } else {
            // Whoever is left may still reply; the process ends soon, and with it the session.
            device.leak()
            logger.error("the session ended with \(bridge.waiting.count) requests unanswered")
        }
        guard result == 0 else {
            throw SessionError(description: "Reading requests failed: \(Errno(rawValue: abs(result))).")
        }
    }

    /// As `end`, where another worker may follow: what waits may still be answered within `time`, and the rest is not
    /// answered.
    package func endForSuccessor(within time: Duration) {
        state.withLock { $0.leavesRestAfter = time }
        end()
    }

    /// Goes on with an earlier worker's connection, if there was one; false if the mount has gone.
    private func takeOver(_ device: SessionDevice, _ session: OpaquePointer) throws(SessionError) -> Bool {
        guard let messages = kept?.initMessages else { return true }
        let earlier = InitExchange(request: messages.request, reply: messages.reply)
        return try device.takeOver(session, descriptor, from: earlier) { [bridge] inode, lookUps in
            bridge.fileSystem.forget(InodeNumber(rawValue: inode), lookUps: lookUps)
        }
    }

    /// Ends `run`, now or when it is called, whatever state the mount is in; returns once no request is taken any more.
    package func end() {
        var isRunning = true
        while isRunning {
            isRunning = state.withLock { state in
                state.mustEnd = true
                guard let running = state.running else { return false }
                fuse_session_exit(running.session)
                // Repeated, because one that comes before libfuse waits wakes nobody.
                ies_fuse_wake(running.thread)
                return true
            }
            if isRunning { usleep(5000) }
        }
    }

    private func loop(_ session: OpaquePointer) -> Int32 {
        let configuration = fuse_loop_cfg_create()
        defer { fuse_loop_cfg_destroy(configuration) }
        // Every thread reads the holder's descriptor: a clone would not outlive this process. Idle threads are kept.
        fuse_loop_cfg_set_clone_fd(configuration, 0)
        fuse_loop_cfg_set_max_threads(configuration, UInt32(settings.threads))
        ies_fuse_prepare_wake()
        let mustEnd = state.withLock { state in
            state.running = Running(session: session, thread: pthread_self())
            return state.mustEnd
        }
        defer { state.withLock { $0.running = nil } }
        return mustEnd ? 0 : ies_fuse_session_loop_mt(session, configuration)
    }

    private func startInvalidations(_ session: OpaquePointer) throws(SessionError) -> Invalidations {
        let handle = SessionHandle(pointer: session)
        let waiting = bridge.waiting
        do throws(Errno) {
            let invalidations = try Invalidations(
                isBusy: { waiting.contains(.lookUp(in: $0)) },
                notify: { name in
                    // ENOENT says that the kernel does not know the name, which is as good.
                    fuse_lowlevel_notify_inval_entry(
                        handle.pointer, name.parent, name.name, name.name.utf8.count)
                })
            try invalidations.start()
            bridge.fileSystem.onInvalidEntry = { invalidations.add(.init(parent: $0.rawValue, name: $1)) }
            return invalidations
        } catch {
            fuse_session_destroy(session)
            throw SessionError(description: "The session cannot be started: \(error).")
        }
    }

    private struct SessionHandle: @unchecked Sendable {
        // libfuse locks for itself where it notifies, and the session is not destroyed before that thread has ended.
        let pointer: OpaquePointer
    }
}
