// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing

@testable import IESMount

@Suite struct MountInterruptTests {
    private func status(own: String, shared: String) -> [UInt8] {
        Array(
            """
            Name:\tcat
            Umask:\t0022
            State:\tS (sleeping)
            Tgid:\t4242
            Pid:\t4243
            SigQ:\t1/96000
            SigPnd:\t\(own)
            ShdPnd:\t\(shared)
            SigBlk:\t0000000000000000
            SigIgn:\t0000000000001000
            SigCgt:\t0000000180004202

            """.utf8)
    }

    /// The numbers are those of signal(7) on Linux: signal n is bit n-1.
    @Test(arguments: [
        (1, true), (2, true), (3, true), (9, true), (15, true),
        (10, false), (14, false), (17, false), (20, false), (23, false), (28, false), (34, false), (64, false),
    ])
    func `a request is given up for signals that end programs, not for timers`(_ signal: Int, _ isFatal: Bool) {
        let mask = String(UInt64(1) << UInt64(signal - 1), radix: 16)
        let word = String(repeating: "0", count: 16 - mask.count) + mask
        let none = "0000000000000000"
        #expect(PendingSignals(parsing: status(own: word, shared: none))?.areFatal == isFatal)
        #expect(PendingSignals(parsing: status(own: none, shared: word))?.areFatal == isFatal)
    }

    @Test func `both masks count, and a text without them is not believed`() {
        let signals = PendingSignals(parsing: status(own: "0000000000002000", shared: "0000000000000100"))
        #expect(signals?.bits == 0x2100)
        #expect(signals?.areFatal == true)
        #expect(PendingSignals(parsing: Array("Name:\tcat\nSigPnd:\t0000000000000000\n".utf8)) == nil)
        #expect(PendingSignals(parsing: status(own: "rubbish", shared: "0000000000000000")) == nil)
        #expect(PendingSignals(parsing: []) == nil)
    }

    @Test func `our own status can be read, that of thread 0 cannot`() {
        #expect(PendingSignals.of(thread: getpid()) != nil)
        #expect(PendingSignals.of(thread: 0) == nil)
    }

    /// Callers by thread number.
    private final class Callers: Sendable {
        private let signals = Mutex<[Int32: PendingSignals?]>([:])

        subscript(thread: Int32) -> PendingSignals? {
            get { signals.withLock { $0[thread] ?? nil } }
            set { signals.withLock { $0[thread] = newValue } }
        }
    }

    /// A request whose task waits until it is cancelled.
    private func request(_ thread: Int32) -> (WaitingRequest, Task<Void, Never>) {
        let request = WaitingRequest(thread: thread)
        let task = Task<Void, Never> { try? await Task.sleep(for: .seconds(1000)) }
        request.adopt(task)
        return (request, task)
    }

    @Test func `a caller that is being killed is let go at once`() {
        let callers = Callers()
        callers[1] = PendingSignals(bits: 1 << 8)
        let watch = InterruptWatch(interval: .seconds(1000)) { callers[$0] }
        let (request, task) = request(1)
        watch.interrupted(request)
        #expect(task.isCancelled)
        #expect(!watch.look())
    }

    @Test func `a caller with a timer signal waits on, until a signal that ends it comes`() {
        let callers = Callers()
        callers[1] = PendingSignals(bits: 1 << 22)
        let watch = InterruptWatch(interval: .seconds(1000)) { callers[$0] }
        let (request, task) = request(1)
        defer { task.cancel() }
        watch.interrupted(request)
        #expect(watch.look())
        #expect(!task.isCancelled)
        callers[1] = PendingSignals(bits: 1 << 22 | 1 << 14)
        #expect(!watch.look())
        #expect(task.isCancelled)
    }

    @Test func `a caller that cannot be looked at is let go`() {
        let watch = InterruptWatch(interval: .seconds(1000)) { _ in nil }
        let (request, task) = request(0)
        watch.interrupted(request)
        #expect(task.isCancelled)
    }

    @Test func `an answered request is looked at no more`() {
        let callers = Callers()
        callers[1] = PendingSignals(bits: 0)
        let watch = InterruptWatch(interval: .seconds(1000)) { callers[$0] }
        let (request, task) = request(1)
        defer { task.cancel() }
        watch.interrupted(request)
        watch.remove(request)
        callers[1] = PendingSignals(bits: 1 << 8)
        #expect(!watch.look())
        #expect(!task.isCancelled)
    }

    @Test func `the watch looks by itself`() async {
        let looks = Mutex(0)
        let watch = InterruptWatch(interval: .milliseconds(1)) { _ in
            looks.withLock { looks in
                looks += 1
                return PendingSignals(bits: looks < 4 ? 0 : 1 << 8)
            }
        }
        let (request, task) = request(1)
        watch.interrupted(request)
        await task.value
        #expect(task.isCancelled)
        #expect(looks.withLock(\.self) == 4)
    }

    @Test func `a request cancelled before its task was there is cancelled`() {
        let request = WaitingRequest(thread: 1)
        request.cancel()
        let task = Task<Void, Never> { try? await Task.sleep(for: .seconds(1000)) }
        request.adopt(task)
        #expect(task.isCancelled)
    }
}
