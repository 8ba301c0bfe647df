// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFileSystem
import IESService

extension ToolDesk {
    func evict(_ request: ToolRequest, _ answer: @escaping Answer) async throws(CacheError) {
        var summary = ToolSummary()
        for path in request.paths where !Task.isCancelled {
            let chosen = try await results(at: path)
            for result in chosen where !Task.isCancelled {
                let item = try await evict(result, request)
                summary.results += item.hasFailed ? 0 : 1
                summary.failed += item.hasFailed ? 1 : 0
                summary.bytes += item.bytes ?? 0
                await answer(.item(item))
            }
            guard chosen.isEmpty else { continue }
            summary.failed += 1
            await answer(
                .item(ToolItem(path: path, errno: "ENOENT", message: "The cache holds nothing of such a result.")))
        }
        await answer(Task.isCancelled ? .failure("Interrupted.") : .summary(summary))
    }

    private func evict(_ result: CachedResult, _ request: ToolRequest) async throws(CacheError) -> ToolItem {
        let mode = BlockCache.RemovalMode(unpins: request.unpins, isTrial: request.isTrial)
        return switch try await cache.remove(result, mode) {
        case .freed(let bytes): ToolItem(path: result.path, bytes: bytes)
        case .isPinned: ToolItem(path: result.path, errno: "EPERM", message: Self.pinned)
        case .inUse: ToolItem(path: result.path, errno: "EBUSY", message: Self.passedThrough)
        }
    }

    static let passedThrough = "It is open, and the kernel reads the cache's file by itself. Close it first."

    /// What the cache knows of the results at `path`; the service is not asked.
    private func results(at path: String) async throws(CacheError) -> [CachedResult] {
        let names = path.split(separator: "/").map { NamePattern(String($0)) }
        return names.count > 2 ? try await linked(path) : try await matching(names)
    }

    private func linked(_ path: String) async throws(CacheError) -> [CachedResult] {
        var found: [CachedResult] = []
        for id in (try? await fileSystem?.results(at: path)) ?? [] {
            found += try await versions(of: ResultKey(project: id.project.rawValue, task: id.task.rawValue))
        }
        return found
    }

    /// The latest one, and older ones of which there is something to give back.
    private func versions(of key: ResultKey) async throws(CacheError) -> [CachedResult] {
        let all = try await cache.versions(of: key)
        return all.dropLast().filter { $0.space > 0 || $0.isPinned } + all.suffix(1)
    }

    private func matching(_ names: [NamePattern]) async throws(CacheError) -> [CachedResult] {
        if names.count == 2, !names[0].isGlob, !names[1].isGlob {
            return try await versions(of: ResultKey(project: names[0].text, task: names[1].text))
        }
        var found: [CachedResult] = []
        try await forEachResult { result throws(CacheError) in
            let key = result.record.key
            let isMeant = zip(names, [key.project, key.task]).allSatisfy { $0.matches($1) }
            // Of what is only known by name there is nothing to give back.
            if isMeant, result.space > 0 || result.isPinned { found.append(result) }
        }
        return found
    }
}
