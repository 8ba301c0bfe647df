// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A wait that several may end; the first does.
final class Once<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value, Never>?>

    init(_ continuation: CheckedContinuation<Value, Never>) { self.continuation = Mutex(continuation) }

    func resume(_ value: Value) {
        continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }?.resume(returning: value)
    }
}

extension WorkerThreads {
    /// Runs `job` on one of the threads.
    ///
    /// - Returns: False if that takes too long; the job goes on then.
    func run(
        watchedBy watch: DiskWatch, _ job: @escaping @Sendable () throws(CacheError) -> Void
    ) async throws(CacheError) -> Bool {
        let result: Result<Bool, CacheError> = await withCheckedContinuation { continuation in
            let once = Once(continuation)
            let operation = watch.begin(isQueued: true) { once.resume(.success(false)) }
            let isAccepted = submit {
                watch.started(operation)
                do throws(CacheError) {
                    try job()
                    watch.end(operation)
                    once.resume(.success(true))
                } catch {
                    watch.end(operation, error)
                    once.resume(.failure(error))
                }
            }
            if !isAccepted {
                watch.cancel(operation)
                once.resume(.failure(.closed))
            }
        }
        return try result.get()
    }
}
