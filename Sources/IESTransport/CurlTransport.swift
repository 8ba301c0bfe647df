// SPDX-License-Identifier: Apache-2.0

import CCurl
package import IESService
import Logging
import Synchronization

/// Carries exchanges over libcurl, all on one thread of its own.
///
/// Name resolution runs on threads of libcurl's, so that nothing on the transport's thread waits but `poll`.
/// Headers are never logged.
package final class CurlTransport: Transport {
    private let inbox: Inbox
    private let thread: Mutex<TransportThread?>

    package init(settings: CurlSettings = CurlSettings()) {
        Self.startLibrary(settings.logger)
        let multi = MultiHandle(idleConnections: settings.maximumIdleConnections)
        let inbox = Inbox(multi: multi)
        self.inbox = inbox
        thread = Mutex(
            TransportThread {
                EventLoop(multi: multi, inbox: inbox, settings: settings).run()
            })
    }

    deinit { inbox.close() }

    /// Ends every exchange with `.cancelled`, as it does later ones, and waits for the thread, which waits for nothing.
    ///
    /// Not to be called by a receiver.
    package func shutdown() {
        inbox.close()
        thread.withLock { $0.take() }?.join()
    }

    package func exchange(
        _ request: TransportRequest, with receiver: some ResponseReceiver
    ) async throws(TransportError) {
        let control = ExchangeControl(inbox: inbox)
        let start = ContinuousClock.now
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Void, TransportError>, Never>) in
                let order = ExchangeOrder(
                    request: request, receiver: receiver, control: control, start: start, continuation: continuation)
                if !inbox.post(.begin(order)) { continuation.resume(returning: .failure(.cancelled)) }
            }
        } onCancel: {
            control.end(.cancelled)
        }
        try result.get()
    }

    /// Once for the program, before the first handle.
    private static func startLibrary(_ logger: Logger) {
        // CURL_GLOBAL_DEFAULT, a macro Swift does not see; thread-safe and repeatable since libcurl 7.84.
        curl_global_init(Int(CURL_GLOBAL_SSL | CURL_GLOBAL_WIN32))
        if ies_curl_features() & CURL_VERSION_ASYNCHDNS == 0 {
            logger.warning("this libcurl resolves names on the thread of all transfers: a slow name server stops them")
        }
    }
}
