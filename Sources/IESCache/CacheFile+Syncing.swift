// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What was written counts as there while it is in the page cache. Whether it got to the disk only a sync tells: what a
/// failed one may have lost is fetched again.
extension CacheFile {
    /// Brings what has been written to the disk, on a thread of the cache's own.
    package func sync() async throws(CacheError) {
        try await core.threads.run { [self] () throws(CacheError) in try syncOrDrop() }
    }

    /// On any thread that may wait; one at a time, because the kernel tells of a lost write once.
    func syncOrDrop() throws(CacheError) {
        try syncing.withLock { _ throws(CacheError) in
            let blocks = state.withLock { state in
                defer { state.unsynced = [] }
                return state.unsynced.union(state.map.pieces.keys)
            }
            do throws(CacheError) {
                try data.sync()
            } catch {
                // It may be of what was written meanwhile.
                let later = state.withLock { state in
                    defer { state.unsynced = [] }
                    return state.unsynced.union(state.map.pieces.keys)
                }
                _ = evict(Array(blocks.union(later)))
                throw error
            }
        }
    }

    /// Bytes that were written and not synced, at most.
    var unsyncedBytes: Int64 { state.withLock { Int64($0.unsynced.count) * Int64($0.map.blockSize) } }
}

/// The files that were written to since they were synced.
final class Unsynced: Sendable {
    private struct State {
        var files: [ObjectIdentifier: CacheFile] = [:]
        var bytes: Int64 = 0
    }

    /// So much is written at most until a sync tells whether it got to the disk; more often would hold up downloads.
    private static let limit: Int64 = 512 << 20
    /// So many files wait for it at most: each takes a descriptor.
    private static let mostFiles = 256

    private let state = Mutex(State())

    var isEmpty: Bool { state.withLock { $0.files.isEmpty } }

    /// - Returns: Whether it is time for a sync.
    func add(_ file: CacheFile, _ count: Int64) -> Bool {
        state.withLock { state in
            state.files[ObjectIdentifier(file)] = file
            state.bytes += count
            return state.bytes >= Self.limit || state.files.count >= Self.mostFiles
        }
    }

    func takeAll() -> [CacheFile] {
        state.withLock { state in
            defer { state = State() }
            return Array(state.files.values)
        }
    }
}
