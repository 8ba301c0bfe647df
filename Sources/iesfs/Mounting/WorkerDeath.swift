// SPDX-License-Identifier: Apache-2.0

/// How a worker ended that was not meant to.
struct WorkerDeath: Hashable, Sendable {
    /// Who is to blame.
    enum Cause: Hashable, Sendable {
        case itself
        /// The kernel ended it because memory ran out.
        case memory
        /// Somebody sent SIGKILL: no fault of the worker, and not the start of a row of crashes.
        case somebody
        /// The holder ended it because it hung; a clause that says how.
        case hang(String)
    }

    let end: ChildProcess.End
    let cause: Cause

    /// The end of a sentence that begins with the worker.
    var description: String {
        switch cause {
        case .itself, .somebody: "\(end)"
        case .memory: "\(end), because memory ran out"
        case .hang(let how): "hung and was killed: \(how)"
        }
    }

    /// Whether it may have died of a request that it worked on.
    var isSuspicious: Bool {
        switch cause {
        case .hang: true
        case .memory, .somebody: false
        case .itself: if case .killed = end { true } else { false }
        }
    }
}
