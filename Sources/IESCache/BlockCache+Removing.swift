// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What became of a result that was to go.
package enum Removal: Hashable, Sendable {
    /// So many bytes of the disk were given back, or would be.
    case freed(Int64)
    case isPinned
    /// The kernel reads it by itself, or it is open and what is open was to be left alone.
    case inUse
}

extension BlockCache {
    /// Which results are asked of `remove`, and how.
    package struct RemovalMode: Hashable, Sendable {
        /// Takes pins back first.
        package var unpins = false
        /// Leaves alone what is open; else its blocks go, and are fetched again if they are read.
        package var sparesOpen = false
        /// Only says what would go.
        package var isTrial = false

        package init(unpins: Bool = false, sparesOpen: Bool = false, isTrial: Bool = false) {
            self.unpins = unpins
            self.sparesOpen = sparesOpen
            self.isTrial = isTrial
        }
    }

    /// Every version of `key` that the index has, the latest last.
    package func versions(of key: ResultKey) async throws(CacheError) -> [CachedResult] {
        let found = try await contents { [core] pins throws(CacheError) in
            try core.index.contents(of: key, .max, pins: pins)
        }
        return found.sorted { $0.record.version < $1.record.version }
    }

    /// The versions that the index has, in an order of its own, a part at a time.
    ///
    /// - Parameter last: The last one of the part before.
    /// - Returns: Empty at the end.
    package func contents(after last: CachedResult?) async throws(CacheError) -> [CachedResult] {
        try await contents { [core] pins throws(CacheError) in
            try core.index.contents(after: last?.record.id ?? VersionID(rawValue: .min), 500, pins: pins)
        }
    }

    private func contents(
        _ read: @escaping @Sendable (Pins) throws(CacheError) -> [CachedResult]
    ) async throws(CacheError) -> [CachedResult] {
        let found = Mutex<[CachedResult]>([])
        try await core.threads.run { [self] () throws(CacheError) in
            // What is queued belongs to the picture.
            try? core.index.commit()
            let read = try read(pins.withLock { $0 })
            found.withLock { $0 = read }
        }
        return found.withLock { $0 }
    }

    /// Gives back the space of one version; what is known of it stays.
    package func remove(_ result: CachedResult, _ mode: RemovalMode) async throws(CacheError) -> Removal {
        try await onWritingThread { [self] in removeNow(result, mode) }
    }

    private func removeNow(_ result: CachedResult, _ mode: RemovalMode) -> Removal {
        let id = result.record.id
        if !mode.unpins, pins.withLock({ $0.contains(id) }) { return .isPinned }
        let file = files.withLock { $0.live[id] }
        if mode.unpins, !mode.isTrial { _ = takePinBack(id) }
        guard let file else {
            // As it is now: some of it may have been evicted since.
            let space = (try? core.index.space(of: result.record)) ?? 0
            return .freed(mode.isTrial || space == 0 ? space : remove(id, bytes: space))
        }
        let isOpen = file.openings.load(ordering: .relaxed) > 0
        if file.state.withLock({ CacheFile.isPinned($0) }) || (mode.sparesOpen && isOpen) { return .inUse }
        let blocks = file.evictable
        if mode.isTrial { return .freed(blocks.reduce(0) { $0 + $1.bytes }) }
        return .freed(file.evict(blocks.map(\.number)))
    }

    /// Removes what was set aside because it could not be used.
    package func removeSetAsides() async throws(CacheError) {
        try await core.threads.run { [core] () throws(CacheError) in CacheDirectory.remove(core.directory.asideParent) }
    }
}
