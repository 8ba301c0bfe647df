// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Waits, on a thread of its own, for signals and for the end of the holder.
final class WorkerWatch: Sendable {
    /// How long an ordinary end may take before the process ends without one.
    private static let patience: Duration = .seconds(10)
    /// How often the holder is shown that threads and tasks get their turns.
    private static let beat: Duration = .seconds(5)

    private let control: ControlSocket
    private let signals: SignalQueue
    private let mustEnd = Mutex(false)
    private let drains = Mutex(false)

    init(control: ControlSocket, signals: SignalQueue) {
        self.control = control
        self.signals = signals
    }

    /// Whether this worker was told to end, or its holder has gone.
    var hasEnded: Bool { mustEnd.withLock { $0 } }

    /// Whether another worker is to take over.
    var isDraining: Bool { drains.withLock { $0 } }

    /// - Parameters:
    ///   - onHangUp: Called for each SIGHUP.
    ///   - onDrain: Called when another worker is to take over.
    ///   - onBeat: Called every now and then, as a task.
    ///   - onEnd: Called once; the process ends a bounded time later whatever that does.
    func start(
        onHangUp: @escaping @Sendable () -> Void, onDrain: @escaping @Sendable () -> Void,
        onBeat: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void
    ) {
        DispatchQueue(label: "iesfs.watch").async { [self] in
            watch(onHangUp, onDrain, onBeat)
            mustEnd.withLock { $0 = true }
            onEnd()
            _ = Poll.wait(for: [], timeout: Self.patience)
            _exit(ExitStatus.failure.rawValue)
        }
    }

    private func watch(_ onHangUp: () -> Void, _ onDrain: () -> Void, _ onBeat: @escaping @Sendable () -> Void) {
        while true {
            let ready = Poll.wait(for: [control.descriptor, signals.descriptor], timeout: Self.beat)
            if ready == nil { Task { onBeat() } }
            while let signal = signals.next() {
                guard signal == SIGHUP else { return }
                onHangUp()
            }
            switch control.receive(waits: false) {
            case .message(.drain):
                drains.withLock { $0 = true }
                onDrain()
            case .ended: return
            case .message, .nothing: break
            }
        }
    }
}
