// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Every request that waits on a task, so that the session can end without leaving one behind.
final class WaitingRequests: Sendable {
    private struct State {
        var requests: Set<WaitingRequest> = []
        var counts: [WaitingRequest.Subject: Int] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    var count: Int { state.withLock(\.requests.count) }

    /// True while a request waits for this.
    func contains(_ subject: WaitingRequest.Subject) -> Bool { state.withLock { $0.counts[subject] != nil } }

    /// The requests that wait for this.
    func all(_ subject: WaitingRequest.Subject) -> Set<WaitingRequest> {
        state.withLock { state in
            state.counts[subject] == nil ? [] : state.requests.filter { $0.subject == subject }
        }
    }

    /// Adds a request; one that comes after `close` is cancelled at once.
    func add(_ request: WaitingRequest) {
        let isClosed = state.withLock { state in
            state.requests.insert(request)
            state.counts[request.subject, default: 0] += 1
            return state.isClosed
        }
        if isClosed { request.cancel() }
    }

    /// Takes a request out that has been answered.
    func remove(_ request: WaitingRequest) {
        state.withLock { state in
            guard state.requests.remove(request) != nil else { return }
            state.counts[request.subject] = state.counts[request.subject].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }

    /// Cancels all, now and to come.
    func close() {
        let requests = state.withLock { state in
            state.isClosed = true
            return state.requests
        }
        for request in requests { request.cancel() }
    }

    /// Waits until all have been answered, blocking the thread; false if some are left after `timeout`.
    func drained(within timeout: Duration) -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + timeout
        while count > 0 {
            guard clock.now < end else { return false }
            usleep(2000)
        }
        return true
    }
}
