// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
package import IESService
import Synchronization

/// How far the prefetch of one result is; any thread may look.
package final class PrefetchProgress: Sendable {
    private struct State {
        var result: FetchedResult?
        var spooled: Int64 = 0
        var heldBefore: Int64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// The result's size in bytes; nil while it is not known.
    package var size: Int64? { state.withLock { $0.result }?.size }

    /// Bytes of it that are in the cache.
    package var held: Int64 {
        let (result, spooled) = state.withLock { ($0.result, $0.spooled) }
        return result?.cachedBytes ?? spooled
    }

    /// Bytes that have come since it began.
    package var fetched: Int64 { max(0, held - state.withLock { $0.heldBefore }) }

    fileprivate func spooled(_ count: Int64) { state.withLock { $0.spooled = count } }

    fileprivate func begin(_ result: FetchedResult, wasKnown: Bool) {
        let held = wasKnown ? result.cachedBytes : 0
        state.withLock { ($0.result, $0.heldBefore) = (result, held) }
    }
}

extension ResultFileSystem {
    /// The size of a result, where it is known without asking.
    package func knownSize(of id: ResultID) -> Int64? {
        guard let record = try? cache.latest(ResultKey(project: id.project.rawValue, task: id.task.rawValue)) else {
            return nil
        }
        return record.size
    }

    /// Brings all of a result into the cache, and returns once it is there, verified. Cancelling the task ends it with
    /// EINTR, and its downloads unless a reader wants them too.
    ///
    /// - Parameter pins: Pins it before it is fetched; one that cannot be fetched is not pinned by this.
    package func prefetch(_ id: ResultID, pins: Bool, progress: PrefetchProgress) async throws(FileSystemError) {
        // As for an open.
        await fetcher.revalidate(id)
        do throws(FetchError) {
            do throws(FetchError) {
                try await fetch(id, pins: pins, progress)
            } catch .changed {
                // What it is now is what is wanted.
                try await fetch(id, pins: pins, progress)
            }
        } catch {
            throw FileSystemError(note(error, of: id, isRemembered: false))
        }
    }

    private func fetch(_ id: ResultID, pins: Bool, _ progress: PrefetchProgress) async throws(FetchError) {
        let wasKnown = if case .result? = fetcher.known(id) { true } else { false }
        let result = try await fetcher.resolveWhole(id) { progress.spooled($0) }
        progress.begin(result, wasKnown: wasKnown)
        if !wasKnown { succeeded(id) }
        guard pins, !cache.isPinned(result.record) else { return try await result.fetchWhole() }
        try await fetchPinned(result)
    }

    private func fetchPinned(_ result: FetchedResult) async throws(FetchError) {
        do throws(CacheError) {
            if case .tooMuch(let pinned, let limit) = try await cache.pin(result.record) {
                throw CacheError.pinsFull(size: result.size, pinned: pinned, limit: limit)
            }
        } catch {
            throw .cache(error)
        }
        do throws(FetchError) {
            try await result.fetchWhole()
        } catch {
            _ = try? await cache.unpin(result.record)
            throw error
        }
    }
}
