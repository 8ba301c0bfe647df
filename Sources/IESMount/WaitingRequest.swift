// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The task of a request that waits, for whoever may have to end it.
final class WaitingRequest: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isCancelled = false
    }

    /// The thread that made the request, as FUSE names it.
    let thread: Int32
    /// The directory a look-up waits in; nil for every other request.
    let directory: UInt64?
    private let state = Mutex(State())

    init(thread: Int32, directory: UInt64? = nil) {
        self.thread = thread
        self.directory = directory
    }

    /// Takes the task, which may have been cancelled before it was there.
    func adopt(_ task: Task<Void, Never>) {
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}

extension WaitingRequest: Hashable {
    static func == (left: WaitingRequest, right: WaitingRequest) -> Bool { left === right }

    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
