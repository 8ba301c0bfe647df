// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The task of a request that waits, for whoever may have to end it.
final class WaitingRequest: Sendable {
    /// What it waits for, as far as anybody asks.
    enum Subject: Hashable, Sendable {
        /// A name in the directory with this inode number.
        case lookUp(in: UInt64)
        /// Bytes, for the open file with this number.
        case read(of: UInt64)
        case other
    }

    private struct State {
        var task: Task<Void, Never>?
        var isCancelled = false
    }

    /// The thread that made the request, as FUSE names it.
    let thread: Int32
    let subject: Subject
    private let state = Mutex(State())

    init(thread: Int32, subject: Subject = .other) {
        self.thread = thread
        self.subject = subject
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
