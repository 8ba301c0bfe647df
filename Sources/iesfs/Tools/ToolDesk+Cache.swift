// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFileSystem
import Synchronization
import SystemPackage

extension ToolDesk {
    func information() async throws(CacheError) -> CacheInformation {
        let usage = cache.usage()
        var information = CacheInformation(
            directory: directory.string, limit: limit ?? usage.limit,
            limitInForce: min(limit ?? usage.limit, usage.effectiveLimit), used: usage.used, diskFree: usage.diskFree,
            pinned: usage.pinned, pinnedResults: usage.pinnedResults, blockSize: cache.blockSize,
            format: BlockCache.format, health: usage.disk.rawValue, damagedBlocks: usage.damagedBlocks)
        try await forEachResult { result throws(CacheError) in
            guard result.space > 0 || result.isComplete else { return }
            information.results += 1
            information.complete += result.isComplete ? 1 : 0
        }
        return information
    }

    func verify(_ answer: @escaping Answer) async throws(CacheError) {
        let shared = VerificationProgress(total: cache.usage().used)
        let summary = try await reporting(answer, { shared.progress }) { () async throws(CacheError) -> ToolSummary in
            var summary = ToolSummary(wrongBlocks: 0)
            try await forEachResult { result throws(CacheError) in
                guard result.space > 0 else { return }
                let found = try await cache.verify(result) { bytes in shared.add(bytes) }
                shared.finished()
                summary.results += 1
                summary.bytes += found.bytes
                guard !found.wrong.isEmpty else { return }
                summary.failed += 1
                summary.wrongBlocks = (summary.wrongBlocks ?? 0) + found.wrong.count
                await answer(.item(ToolItem(damaged: result, found.wrong)))
            }
            return summary
        }
        await answer(Task.isCancelled ? .failure("Interrupted.") : .summary(summary))
    }

    func clear(_ request: ToolRequest, _ answer: @escaping Answer) async throws(CacheError) {
        let mode = BlockCache.RemovalMode(unpins: request.unpins, sparesOpen: true, isTrial: request.isTrial)
        var summary = ToolSummary()
        try await forEachResult { result throws(CacheError) in
            guard result.space > 0 || (result.isPinned && request.unpins) else { return }
            let removal = try await cache.remove(result, mode)
            switch removal {
            case .freed(let bytes):
                summary.results += 1
                summary.bytes += bytes
            case .isPinned: await answer(.item(ToolItem(path: result.path, message: Self.pinned)))
            case .inUse:
                summary.failed += 1
                await answer(.item(ToolItem(path: result.path, errno: "EBUSY", message: Self.open)))
            }
        }
        if !request.isTrial { try await cache.removeSetAsides() }
        await answer(.summary(summary))
    }

    static let pinned = "It is pinned, and was kept. --unpin takes the pin back."
    static let open = "It is open, and was kept. Close it first."
}

/// What the verification has come to, for the one who reports.
private final class VerificationProgress: Sendable {
    private let state: Mutex<ToolProgress>

    init(total: Int64) { state = Mutex(ToolProgress(totalBytes: total)) }

    var progress: ToolProgress { state.withLock { $0 } }

    func add(_ bytes: Int64) {
        state.withLock { progress in
            progress.bytes += bytes
            progress.totalBytes = max(progress.totalBytes, progress.bytes)
        }
    }

    func finished() { state.withLock { $0.done += 1 } }
}

extension ToolItem {
    init(damaged result: CachedResult, _ blocks: [Int]) {
        let count = blocks.count == 1 ? "One block was" : "\(blocks.count) blocks were"
        self.init(
            path: result.path, errno: "EIO",
            message: "\(count) damaged and dropped; it is fetched again when it is read.",
            wrongBlocks: blocks)
    }
}
