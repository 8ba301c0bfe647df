// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Runs what may block on a thread of its own, and waits for it so long and no longer.
enum Bounded {
    /// Nil when it takes longer; it goes on then, and nobody hears of it.
    static func run<Value: Sendable>(within limit: Duration, _ body: @escaping @Sendable () -> Value) -> Value? {
        let outcome = Outcome<Value>()
        let done = DispatchSemaphore(value: 0)
        DispatchQueue(label: "iesfs.bounded").async {
            let value = body()
            outcome.value.withLock { $0 = value }
            done.signal()
        }
        let milliseconds = Int(limit / .milliseconds(1))
        _ = done.wait(timeout: .now() + .milliseconds(milliseconds))
        return outcome.value.withLock { $0 }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
