// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A thread of the operating system's, since libcurl's multi handle must stay on one.
struct TransportThread: ~Copyable, Sendable {
    private let identifier: pthread_t

    /// - Parameter body: Runs with every signal blocked: they are for other threads, and SIGPIPE, which OpenSSL raises
    ///   when it writes to a closed connection, for none.
    init(_ body: @escaping @Sendable () -> Void) {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var identifier = pthread_t()
        // The thread takes the body over.
        let context = Unmanaged.passRetained(Body(run: body)).toOpaque()
        let status = pthread_create(
            &identifier, nil,
            { context in
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        guard status == 0 else { fatalError("no thread for the transport: \(String(cString: strerror(status)))") }
        self.identifier = identifier
    }

    /// Lets the thread end by itself.
    deinit { pthread_detach(identifier) }

    /// Waits for its end.
    consuming func join() {
        pthread_join(identifier, nil)
        discard self
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
