// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// A counter in the kernel that threads wait for: no lock is held while waiting.
final class Signal: Sendable {
    private let descriptor: Int32

    /// A `counting` signal wakes one waiter for each `send`; another wakes one for all that were sent.
    init(counting: Bool) throws(CacheError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | (counting ? Int32(EFD_SEMAPHORE) : 0))
        guard descriptor >= 0 else { throw .failed(to: "make", "an event", Errno(rawValue: errno)) }
    }

    deinit { close(descriptor) }

    func send(_ count: Int = 1) { eventfd_write(descriptor, eventfd_t(count)) }

    /// - Parameter timeout: In milliseconds; negative waits for good.
    func wait(timeout: Int32 = -1) {
        if timeout >= 0 {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, timeout) == 1 else { return }
        }
        var value: eventfd_t = 0
        while eventfd_read(descriptor, &value) < 0, errno == EINTR {}
    }
}

/// Threads that may wait for the disk, with a queue of jobs in front.
final class WorkerThreads: Sendable {
    private struct State {
        var jobs: [(@Sendable () -> Void)?] = []
        var next = 0
        var hasStopped = false
        var threads: [pthread_t] = []
    }

    private let state = Mutex(State())
    private let signal: Signal

    /// - Parameter name: At most 15 bytes, shown by `ps` and `gdb`.
    init(count: Int, name: String) throws(CacheError) {
        signal = try Signal(counting: true)
        for _ in 0..<count {
            do throws(CacheError) {
                let thread = try Self.start(name) { [self] in work() }
                state.withLock { $0.threads.append(thread) }
            } catch {
                stop()
                throw error
            }
        }
    }

    /// False, and the job is not run, after `stop`.
    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let accepted = state.withLock { state in
            if state.hasStopped { return false }
            state.jobs.append(job)
            return true
        }
        if accepted { signal.send() }
        return accepted
    }

    /// Runs `job` on one of the threads.
    func run(_ job: @escaping @Sendable () throws(CacheError) -> Void) async throws(CacheError) {
        let result: Result<Void, CacheError> = await withCheckedContinuation { continuation in
            let accepted = submit {
                do throws(CacheError) {
                    try job()
                    continuation.resume(returning: .success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if !accepted { continuation.resume(returning: .failure(.closed)) }
        }
        try result.get()
    }

    /// Ends the threads once the jobs so far are done, and waits for that.
    func stop() {
        let threads = state.withLock { state in
            state.hasStopped = true
            defer { state.threads = [] }
            return state.threads
        }
        signal.send(threads.count)
        for thread in threads {
            if pthread_equal(thread, pthread_self()) == 0 { pthread_join(thread, nil) } else { pthread_detach(thread) }
        }
    }

    /// Ends the threads once they come back from what they are at, without waiting for that.
    func abandon() {
        let threads = state.withLock { state in
            state.hasStopped = true
            defer { state.threads = [] }
            return state.threads
        }
        signal.send(threads.count)
        for thread in threads { pthread_detach(thread) }
    }

    private func work() {
        while true {
            signal.wait()
            let job = state.withLock { state -> (@Sendable () -> Void)? in
                guard state.next < state.jobs.count else { return nil }
                let job = state.jobs[state.next].take()
                state.next += 1
                if state.next > 64, state.next * 2 > state.jobs.count {
                    state.jobs.removeSubrange(..<state.next)
                    state.next = 0
                }
                return job
            }
            guard let job else { return }
            job()
        }
    }

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread that takes no signals: those are for the threads that handle them.
    private static func start(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) throws(CacheError) -> pthread_t {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        let failure = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard failure == 0 else {
            start.release()
            throw .failed(to: "start", "a thread", Errno(rawValue: failure))
        }
        pthread_setname_np(thread, name)
        return thread
    }
}
