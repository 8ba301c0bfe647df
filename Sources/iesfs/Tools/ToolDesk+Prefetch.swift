// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFileSystem
import IESService
import Synchronization

/// What is known of the results that a prefetch is to bring.
final class PrefetchBoard: Sendable {
    private struct State {
        var sizes: [ResultID: Int64] = [:]
        var active: [ResultID: PrefetchProgress] = [:]
        var results = 0
        var done = 0
        var failed = 0
        var finishedBytes: Int64 = 0
        var fetched: Int64 = 0
    }

    private let state = Mutex(State())

    func add(_ id: ResultID, size: Int64?) {
        state.withLock { state in
            state.results += 1
            state.sizes[id] = size
        }
    }

    /// A path led to no result.
    func refused() { state.withLock { $0.failed += 1 } }

    func began(_ id: ResultID) -> PrefetchProgress {
        let progress = PrefetchProgress()
        state.withLock { $0.active[id] = progress }
        return progress
    }

    func ended(_ id: ResultID, succeeded: Bool) {
        state.withLock { state in
            guard let progress = state.active.removeValue(forKey: id) else { return }
            state.done += succeeded ? 1 : 0
            state.failed += succeeded ? 0 : 1
            state.finishedBytes += progress.held
            state.fetched += progress.fetched
            // What failed brings no more than this.
            state.sizes[id] = succeeded ? progress.size : progress.held
        }
    }

    var progress: ToolProgress {
        state.withLock { state in
            for (id, progress) in state.active { if let size = progress.size { state.sizes[id] = size } }
            return ToolProgress(
                results: state.results, done: state.done, failed: state.failed,
                bytes: state.finishedBytes + state.active.values.reduce(0) { $0 + $1.held },
                totalBytes: state.sizes.values.reduce(0, +), unsized: state.results - state.sizes.count)
        }
    }

    var summary: ToolSummary {
        state.withLock { ToolSummary(results: $0.done, failed: $0.failed, bytes: $0.fetched) }
    }
}

extension ToolDesk {
    /// More at a time would only share the same connections.
    static let mostJobs = 64

    func prefetch(_ request: ToolRequest, _ answer: @escaping Answer) async {
        guard let fileSystem else { return await answer(.failure("Only a mount can fetch results.")) }
        let board = PrefetchBoard()
        let summary = try? await reporting(answer, { board.progress }) {
            let ids = await select(request.paths, of: fileSystem, board, answer)
            await fetch(ids, request, of: fileSystem, board, answer)
            return board.summary
        }
        guard let summary, !Task.isCancelled else { return await answer(.failure("Interrupted.")) }
        await answer(.progress(board.progress))
        await answer(.summary(summary))
    }

    /// The results that the paths mean, each once.
    private func select(
        _ paths: [String], of fileSystem: ResultFileSystem, _ board: PrefetchBoard, _ answer: Answer
    ) async -> [ResultID] {
        var ids: [ResultID] = []
        var known: Set<ResultID> = []
        for path in paths where !Task.isCancelled {
            do throws(FileSystemError) {
                for id in try await fileSystem.results(at: path) where known.insert(id).inserted {
                    ids.append(id)
                    board.add(id, size: fileSystem.knownSize(of: id))
                }
            } catch {
                board.refused()
                await answer(.item(ToolItem(path: path, error)))
            }
        }
        return ids
    }

    private func fetch(
        _ ids: [ResultID], _ request: ToolRequest, of fileSystem: ResultFileSystem, _ board: PrefetchBoard,
        _ answer: @escaping Answer
    ) async {
        await withTaskGroup(of: Void.self) { group in
            for (position, id) in ids.enumerated() {
                if position >= min(max(request.jobs, 1), Self.mostJobs) { await group.next() }
                if Task.isCancelled { break }
                group.addTask {
                    let progress = board.began(id)
                    var item = ToolItem(path: id.description)
                    do throws(FileSystemError) {
                        try await fileSystem.prefetch(id, pins: request.pins, progress: progress)
                        (item.bytes, item.fetched) = (progress.size, progress.fetched)
                    } catch {
                        item = ToolItem(path: id.description, error)
                    }
                    board.ended(id, succeeded: !item.hasFailed)
                    if !Task.isCancelled { await answer(.item(item)) }
                }
            }
        }
    }
}

extension ToolItem {
    init(path: String, _ error: FileSystemError) {
        self.init(path: path, errno: error.errno.symbol, message: error.summary)
    }
}
