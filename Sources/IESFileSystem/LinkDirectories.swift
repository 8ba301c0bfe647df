// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// The names of the `.by-name` directories: of the results that are known, kept until one is added.
final class LinkDirectories: Sendable {
    private struct State {
        var directories: [ProjectID: [String: TaskID]] = [:]
        /// Counts invalidations, so that names read before one are not kept after it.
        var invalidations = 0
    }

    private let cache: BlockCache
    private let state = Mutex(State())

    init(cache: BlockCache) { self.cache = cache }

    static func destination(_ task: TaskID) -> String { "../\(task)" }

    func names(in project: ProjectID) -> [String: TaskID] {
        let (kept, invalidations) = state.withLock { ($0.directories[project], $0.invalidations) }
        if let kept { return kept }
        guard let results = try? cache.results(of: project.rawValue) else { return [:] }
        let named = results.compactMap { record -> (record: ResultRecord, name: String, target: TaskID)? in
            guard let name = record.filename, let task = Names.task(record.key.task) else { return nil }
            return (record, name, task)
        }
        // The oldest keeps the plain name, so that a new result does not rename it.
        let ordered = named.sorted {
            ($0.record.modified, $0.target.rawValue) < ($1.record.modified, $1.target.rawValue)
        }
        let names = LinkNames.assign(ordered.map { ($0.name, $0.target) })
        state.withLock { state in
            guard state.invalidations == invalidations else { return }
            state.directories[project] = names
        }
        return names
    }

    func invalidate(_ project: ProjectID) {
        state.withLock { state in
            state.directories[project] = nil
            state.invalidations += 1
        }
    }
}
