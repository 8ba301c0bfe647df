// SPDX-License-Identifier: Apache-2.0

import CFuse3
import CLinux
import Glibc
import SystemPackage

/// Starts a thread of our own, for what may wait in the kernel. It takes no signals: those are for the threads that
/// handle them. Nobody waits for its end.
///
/// - Parameter name: At most 15 bytes, shown by `ps` and `gdb`.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let start = Unmanaged.passRetained(ThreadStart(body))
    let error = pthread_create(
        &thread, nil,
        { start in
            Unmanaged<ThreadStart>.fromOpaque(start!).takeRetainedValue().body()
            return nil
        }, start.toOpaque())
    guard error == 0 else {
        start.release()
        throw Errno(rawValue: error)
    }
    pthread_setname_np(thread, name)
    pthread_detach(thread)
}

private final class ThreadStart: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
