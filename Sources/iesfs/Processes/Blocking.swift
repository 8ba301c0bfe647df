// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Waits on a thread for what async code does. Only for the main thread, which is not of the pool that does it.
enum Blocking {
    static func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let outcome = Outcome<Value, Failure>()
        let done = DispatchSemaphore(value: 0)
        Task {
            do throws(Failure) {
                outcome.value.withLock { [value = try await body()] in $0 = .success(value) }
            } catch {
                outcome.value.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        guard let result = outcome.value.withLock({ $0 }) else { preconditionFailure("it has ended") }
        return try result.get()
    }

    private final class Outcome<Value: Sendable, Failure: Error>: Sendable {
        let value = Mutex<Result<Value, Failure>?>(nil)
    }
}
