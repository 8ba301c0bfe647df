// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Tells the kernel to look names up again, from a thread of its own.
///
/// The kernel takes the directory's lock for it and so waits for every look-up under way there. Whoever answers
/// look-ups, or holds a lock that one of them needs, must therefore not wait with it.
final class Invalidations: Sendable {
    /// A name in the directory with this inode number.
    struct Name: Hashable, Sendable {
        let parent: UInt64
        let name: String
    }

    private struct State {
        var names: [Name] = []
        var hasStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let event: Int32
    private let isBusy: @Sendable (UInt64) -> Bool
    private let notify: @Sendable (Name) -> Void

    /// - Parameters:
    ///   - isBusy: A look-up in this directory waits. New ones would queue up behind our wait for it, so its names are
    ///     put off until it was answered.
    ///   - notify: Tells the kernel.
    init(isBusy: @escaping @Sendable (UInt64) -> Bool, notify: @escaping @Sendable (Name) -> Void) throws(Errno) {
        self.isBusy = isBusy
        self.notify = notify
        event = eventfd(0, Int32(EFD_CLOEXEC))
        guard event >= 0 else { throw .current }
    }

    deinit { close(event) }

    func start() throws(Errno) {
        try startThread("ies-invalidate") { [self] in
            while run() {}
            state.withLock { $0.hasEnded = true }
        }
    }

    func add(_ name: Name) {
        state.withLock { $0.names.append(name) }
        eventfd_write(event, 1)
    }

    /// What has not been told by now is not told any more. True once the thread is at its end, which a call in the
    /// kernel may put off.
    func stop(within timeout: Duration) -> Bool {
        state.withLock { $0.hasStopped = true }
        eventfd_write(event, 1)
        let clock = ContinuousClock()
        let end = clock.now + timeout
        while !state.withLock(\.hasEnded) {
            guard clock.now < end else { return false }
            usleep(2000)
        }
        return true
    }

    /// One round: waits for names, or a moment where some were put off; false when it is time to end.
    private func run() -> Bool {
        var poll = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
        let isWaiting = state.withLock { $0.names.isEmpty }
        if Glibc.poll(&poll, 1, isWaiting ? -1 : 50) == 1 {
            var value: eventfd_t = 0
            eventfd_read(event, &value)
        }
        let (names, hasStopped) = state.withLock { state in
            defer { state.names = [] }
            return (state.names, state.hasStopped)
        }
        if hasStopped { return false }
        var later: [Name] = []
        for name in names {
            if isBusy(name.parent) { later.append(name) } else { notify(name) }
        }
        if !later.isEmpty { state.withLock { $0.names.insert(contentsOf: later, at: 0) } }
        return true
    }
}
