// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFileSystem
import IESService
import SystemPackage

/// Carries out what the commands ask: in a worker for its mount, or, without one, on a cache directory that this process
/// has opened.
struct ToolDesk: Sendable {
    typealias Answer = @Sendable (ToolAnswer) async -> Void

    let cache: BlockCache
    let directory: FilePath
    /// Nil without a mount.
    var fileSystem: ResultFileSystem?
    /// What a mount would be limited to; nil: the cache itself knows.
    var limit: Int64?

    /// Answers with a last line, whatever happens. Ends early when the task is cancelled.
    func carryOut(_ request: ToolRequest, _ answer: @escaping Answer) async {
        do throws(CacheError) {
            switch request.command {
            case .prefetch: await prefetch(request, answer)
            case .evict:
                try await saying(.alive, answer) { () async throws(CacheError) in try await evict(request, answer) }
            case .info:
                let cache = try await saying(.alive, answer) { () async throws(CacheError) in try await information() }
                await answer(.summary(ToolSummary(cache: cache)))
            case .verify: try await verify(answer)
            case .clear:
                try await saying(.alive, answer) { () async throws(CacheError) in try await clear(request, answer) }
            }
        } catch {
            await answer(.failure(error.description))
        }
    }

    /// Calls `body` for every version in the cache, until the task is cancelled.
    func forEachResult(_ body: (CachedResult) async throws(CacheError) -> Void) async throws(CacheError) {
        var last: CachedResult?
        while !Task.isCancelled {
            let part = try await cache.contents(after: last)
            guard let end = part.last else { return }
            for result in part where !Task.isCancelled { try await body(result) }
            last = end
        }
    }

    /// Says a few times a second how far `body` is.
    func reporting<Value: Sendable>(
        _ answer: @escaping Answer, _ progress: @escaping @Sendable () -> ToolProgress,
        _ body: () async throws(CacheError) -> Value
    ) async throws(CacheError) -> Value {
        try await saying(.progress(progress()), answer, body)
    }

    /// Says so a few times a second while `body` is at work.
    private func saying<Value: Sendable>(
        _ what: @escaping @autoclosure @Sendable () -> ToolAnswer, _ answer: @escaping Answer,
        _ body: () async throws(CacheError) -> Value
    ) async throws(CacheError) -> Value {
        let ticker = Task {
            while !Task.isCancelled {
                await answer(what())
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        defer { ticker.cancel() }
        return try await body()
    }
}

extension CachedResult {
    /// As below a mountpoint.
    var path: String { "\(record.key.project)/\(record.key.task)" }
}
