// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Takes signals from a descriptor instead of in handlers.
///
/// To be made while the process has one thread: the signals are blocked in all that it starts later.
struct SignalQueue: Sendable {
    let descriptor: Int32

    init(_ signals: [Int32]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = signalfd(-1, &set, Int32(O_CLOEXEC | O_NONBLOCK))
        precondition(descriptor >= 0, "signalfd failed: \(CurrentError.text)")
    }

    /// The next signal that has come; nil when there is none.
    func next() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return read(descriptor, &information, size) == size ? Int32(information.ssi_signo) : nil
    }
}
