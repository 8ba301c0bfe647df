// SPDX-License-Identifier: Apache-2.0

import IESCache
package import IESService

/// Results as a whole, before anybody reads them.
extension ResultFetcher {
    /// The result, from what is known or from the service. As `resolve`, but waits for a body of unknown length as long as
    /// bytes of it arrive.
    ///
    /// - Parameter progress: Called with the bytes that have arrived of such a body.
    package func resolveWhole(
        _ id: ResultID, progress: @Sendable (Int64) -> Void
    ) async throws(FetchError) -> FetchedResult {
        var received: Int64 = -1
        while true {
            do throws(FetchError) {
                return try await resolve(id)
            } catch {
                guard case .deadline(let now?) = error, now > received else { throw error }
                received = now
                progress(now)
            }
        }
    }
}

extension FetchedResult {
    /// So much is waited for at a time.
    private static let step: Int64 = 1 << 20
    /// How often what was found wrong or was pushed out is fetched again.
    private static let rounds = 3

    /// Fetches what is missing, as a sequential reader would, and returns once all of it is held, verified and on the
    /// disk. Cancelling the task ends it at once; the downloads end if nobody else wants them.
    package func fetchWhole() async throws(FetchError) {
        guard size <= file.cacheLimit else { throw .tooLarge(size: size, limit: file.cacheLimit) }
        for _ in 0..<Self.rounds {
            if !file.isComplete { try await fetchMissing() }
            do throws(CacheError) {
                if try await file.finish() { return }
            } catch {
                throw FetchError(error)
            }
            if Task.isCancelled { throw .cancelled }
        }
        throw .cache(.noRoom)
    }

    private func fetchMissing() async throws(FetchError) {
        // Whoever reads goes first.
        let stream = makeStream(priority: .readAhead)
        defer { stream.close() }
        for start in stride(from: 0, to: size, by: Int64.Stride(Self.step)) {
            if Task.isCancelled { throw .cancelled }
            let range = start..<min(size, start + Self.step)
            if file.missing(in: range).isEmpty {
                stream.noteRead(at: start, count: range.count)
            } else {
                try await prepare(range, for: stream)
            }
        }
    }
}
