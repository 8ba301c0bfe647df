// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import IESTakeover
import Synchronization
import SystemPackage

/// The device as a libfuse session sees it: plain reads and writes, watched until INIT was answered.
final class SessionDevice: Sendable {
    /// The memory that libfuse's threads look at.
    private struct Shared: @unchecked Sendable {
        // The observer and the addresses are not changed once the session is there, the device only by the atomic ies_fuse_set_observer.
        let device: UnsafeMutablePointer<ies_fuse_device>
        let observer: UnsafeMutablePointer<ies_fuse_observer>
    }

    private let shared: Shared
    private let exchange: Mutex<InitExchange>
    private let onInit: @Sendable (InitExchange) -> Void
    /// Keeps the memory that the device's threads write their marks to.
    private let kept: TakeoverRecord?

    /// - Parameters:
    ///   - bridge: Outlives the session: the pointers in it own nothing.
    ///   - exchange: What to add to the first reply.
    ///   - kept: Where the exchange and what each thread works on are kept for the next worker.
    ///   - onInit: Called once with what was agreed, after the reply has gone out.
    init(
        bridge: Bridge, exchange: InitExchange, kept: TakeoverRecord?,
        onInit: @escaping @Sendable (InitExchange) -> Void
    ) {
        self.kept = kept
        self.exchange = Mutex(exchange)
        self.onInit = onInit
        shared = Shared(device: .allocate(capacity: 1), observer: .allocate(capacity: 1))
        shared.observer.initialize(
            to: ies_fuse_observer(
                context: nil,
                received: { context, message, count in
                    SessionDevice.from(context).received(UnsafeRawBufferPointer(start: message, count: count))
                },
                sending: { context, pieces, count in
                    SessionDevice.from(context).sending(UnsafeMutableBufferPointer(start: pieces, count: Int(count)))
                },
                sent: { context, pieces, count, result in
                    SessionDevice.from(context).sent(
                        UnsafeBufferPointer(start: pieces, count: Int(count)), succeeded: result >= 0)
                }))
        shared.device.initialize(
            to: ies_fuse_device(
                bridge: Unmanaged.passUnretained(bridge).toOpaque(), observer: UnsafePointer(shared.observer),
                marks: kept?.marksAddress.assumingMemoryBound(to: UInt8.self),
                mark_size: UInt32(TakeoverRecord.markSize), mark_count: UInt32(TakeoverRecord.mostMarks),
                marks_taken: 0, poisoned: kept?.poisonedAddress.assumingMemoryBound(to: UInt64.self),
                poisoned_count: kept == nil ? 0 : UInt32(TakeoverRecord.mostPoisoned), swallows: false,
                swallowed_error: 0))
        shared.observer.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        shared.device.deallocate()
        shared.observer.deallocate()
    }

    /// Keeps the memory for good, for a session that could not be destroyed.
    func leak() { _ = Unmanaged.passRetained(self) }

    /// Makes a session that reads `descriptor` and owns it from here on.
    func open(_ descriptor: Int32, refusesOthers: Bool) throws(SessionError) -> OpaquePointer {
        var arguments = fuse_args()
        defer { fuse_opt_free_args(&arguments) }
        // What the holder mounted with: libfuse refuses INIT if the two differ.
        var words = ["iesfs", "-omax_read=\(MountRequest.maximumRead)"]
        if refusesOthers { words.append("-oallow_root") }
        for word in words where fuse_opt_add_arg(&arguments, word) != 0 {
            throw SessionError(description: "The session cannot be started: no memory.")
        }
        var operations = fuse_lowlevel_ops.iesfs
        guard let session = ies_fuse_session_new(&arguments, &operations, shared.device) else {
            throw SessionError(description: "The session cannot be started: libfuse refused its options.")
        }
        guard ies_fuse_session_attach(session, descriptor) == 0 else {
            fuse_session_destroy(session)
            throw SessionError(description: "The session cannot be started: descriptor \(descriptor) is not open.")
        }
        return session
    }

    /// Goes on with the connection that an earlier worker began: libfuse gets its INIT, and the reply goes nowhere, because
    /// the kernel has had it. Then the kernel sends again what was not answered.
    ///
    /// - Parameters:
    ///   - session: Not looping yet.
    ///   - forget: Called for what the kernel forgot meanwhile.
    /// - Returns: False if the mount has gone.
    func takeOver(
        _ session: OpaquePointer, _ descriptor: Int32, from earlier: InitExchange,
        forget: (_ inode: UInt64, _ lookUps: UInt64) -> Void
    ) throws(SessionError) -> Bool {
        ies_fuse_set_observer(shared.device, nil)
        ies_fuse_set_swallows(shared.device, true)
        var request = earlier.request
        request.withUnsafeMutableBytes { ies_fuse_session_process(session, $0.baseAddress, $0.count) }
        ies_fuse_set_swallows(shared.device, false)
        guard shared.device.pointee.swallowed_error == 0 else {
            throw SessionError(description: "The session cannot be taken over: libfuse refused its first request.")
        }
        var lost = LostForgets()
        let result = withUnsafeTemporaryAllocation(byteCount: Int(IES_FUSE_LONGEST_REQUEST), alignment: 8) { buffer in
            withUnsafeMutablePointer(to: &lost) { lost in
                ies_fuse_take_over(descriptor, buffer.baseAddress, lost) { lost, message, count in
                    lost!.assumingMemoryBound(to: LostForgets.self).pointee.add(
                        UnsafeRawBufferPointer(start: message, count: count))
                }
            }
        }
        for (inode, lookUps) in lost.forgets { forget(inode, lookUps) }
        guard result == 0 || result == -ENODEV else {
            throw SessionError(
                description: "The session cannot be taken over: no request is sent again: \(Errno(rawValue: -result)).")
        }
        onInit(earlier)
        return result == 0
    }

    /// From now on replies go nowhere: another worker is asked again for what was not answered.
    func fallSilent() { ies_fuse_set_swallows(shared.device, true) }

    private static func from(_ context: UnsafeMutableRawPointer?) -> SessionDevice {
        Unmanaged<SessionDevice>.fromOpaque(context!).takeUnretainedValue()
    }

    private func received(_ message: UnsafeRawBufferPointer) {
        exchange.withLock { $0.received(message) }
    }

    private func sending(_ pieces: UnsafeMutableBufferPointer<iovec>) {
        exchange.withLock { exchange in
            guard pieces.count == 2, exchange.isAnswered(by: pieces[0].bytes) else { return }
            exchange.complete(UnsafeMutableRawBufferPointer(start: pieces[1].iov_base, count: pieces[1].iov_len))
            kept?.keepInit(request: exchange.request, reply: Array(pieces[0].bytes) + Array(pieces[1].bytes))
        }
    }

    private func sent(_ pieces: UnsafeBufferPointer<iovec>, succeeded: Bool) {
        let agreed = exchange.withLock { exchange -> InitExchange? in
            guard succeeded, pieces.count == 2, exchange.isAnswered(by: pieces[0].bytes) else { return nil }
            return exchange.answered(pieces[0].bytes, pieces[1].bytes) ? exchange : nil
        }
        guard let agreed else { return }
        ies_fuse_set_observer(shared.device, nil)
        onInit(agreed)
    }
}

extension iovec {
    fileprivate var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: iov_base, count: iov_len) }
}
