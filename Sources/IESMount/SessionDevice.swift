// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import Synchronization

/// The device as a libfuse session sees it: plain reads and writes, watched until INIT was answered.
final class SessionDevice: Sendable {
    /// The memory that libfuse's threads look at.
    private struct Shared: @unchecked Sendable {
        // The observer is not changed once the session is there, the device only by the atomic ies_fuse_set_observer.
        let device: UnsafeMutablePointer<ies_fuse_device>
        let observer: UnsafeMutablePointer<ies_fuse_observer>
    }

    private let shared: Shared
    private let exchange: Mutex<InitExchange>
    private let onInit: @Sendable (InitExchange) -> Void

    /// - Parameters:
    ///   - bridge: Outlives the session: the pointers in it own nothing.
    ///   - exchange: What to add to the first reply.
    ///   - onInit: Called once with what was agreed, after the reply has gone out.
    init(bridge: Bridge, exchange: InitExchange, onInit: @escaping @Sendable (InitExchange) -> Void) {
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
                bridge: Unmanaged.passUnretained(bridge).toOpaque(), observer: UnsafePointer(shared.observer)))
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
