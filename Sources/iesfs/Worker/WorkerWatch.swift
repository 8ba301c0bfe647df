// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Waits, on a thread of its own, for signals and for the end of the holder.
final class WorkerWatch: Sendable {
    /// How long an ordinary end may take before the process ends without one.
    private static let patience: Duration = .seconds(10)

    private let control: ControlSocket
    private let signals: SignalQueue
    private let mustEnd = Mutex(false)

    init(control: ControlSocket, signals: SignalQueue) {
        self.control = control
        self.signals = signals
    }

    /// Whether this worker was told to end, or its holder has gone.
    var hasEnded: Bool { mustEnd.withLock { $0 } }

    /// - Parameters:
    ///   - onHangUp: Called for each SIGHUP.
    ///   - onEnd: Called once; the process ends a bounded time later whatever that does.
    func start(onHangUp: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "iesfs.watch").async { [self] in
            watch(onHangUp)
            mustEnd.withLock { $0 = true }
            onEnd()
            _ = Poll.wait(for: [], timeout: Self.patience)
            _exit(ExitStatus.failure.rawValue)
        }
    }

    private func watch(_ onHangUp: () -> Void) {
        while true {
            _ = Poll.wait(for: [control.descriptor, signals.descriptor], timeout: nil)
            while let signal = signals.next() {
                guard signal == SIGHUP else { return }
                onHangUp()
            }
            if control.receive(waits: false) == .ended { return }
        }
    }
}
