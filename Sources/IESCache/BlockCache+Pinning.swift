// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a request to pin a result came to.
package enum Pinning: Hashable, Sendable {
    case done
    /// All pinned results together would take more than `BlockCache.pinLimit`.
    case tooMuch(pinned: Int64, limit: Int64)
}

/// Pinned results are never evicted, complete or not. A pin is of a result: where it changes on the server, the pin goes
/// over to the new version. It lasts until it is taken back.
extension BlockCache {
    /// How much may be pinned, in bytes: all of the limit as it is now, but for some room that other results pass through.
    /// Without any, the disk would be passed by when they are read, and so would what is pinned.
    package var pinLimit: Int64 {
        let limit = core.ledger.effectiveLimit
        return limit - min(limit / 8, 256 << 20)
    }

    /// Pins what `record` is a version of, if all that is pinned stays within `pinLimit`.
    package func pin(_ record: ResultRecord) async throws(CacheError) -> Pinning {
        try await onWritingThread { [self] in
            if pins.withLock({ $0.contains(record.id) }) { return .done }
            let limit = pinLimit
            let pinned = pins.withLock { $0.bytes }
            guard pinned + record.wholeCharge <= limit else { return .tooMuch(pinned: pinned, limit: limit) }
            pins.withLock { $0.insert(record) }
            core.index.commitOrEnqueue([.pin(record.id, true)])
            return .done
        }
    }

    /// Takes the pin back.
    /// - Returns: Whether there was one.
    package func unpin(_ record: ResultRecord) async throws(CacheError) -> Bool {
        try await onWritingThread { [self] in takePinBack(record.id) }
    }

    package func isPinned(_ record: ResultRecord) -> Bool { pins.withLock { $0.contains(record.id) } }

    func takePinBack(_ id: VersionID) -> Bool {
        let wasPinned = pins.withLock { pins in
            defer { pins.remove(id) }
            return pins.contains(id)
        }
        if wasPinned { core.index.commitOrEnqueue([.pin(id, false)]) }
        return wasPinned
    }

    /// To be called with `adding` locked, before the version counts as the latest one.
    func movePin(to record: ResultRecord) -> [IndexChange] {
        guard let old = (try? latest(record.key)) ?? nil, isPinned(old) else { return [] }
        let limit = pinLimit
        return pins.withLock { pins in
            pins.remove(old.id)
            guard pins.bytes + record.wholeCharge <= limit else { return [.pin(old.id, false)] }
            pins.insert(record)
            return [.pin(old.id, false), .pin(record.id, true)]
        }
    }

    /// Runs `body` where eviction runs, so that neither comes into the other's way. Fails while the disk is passed by.
    func onWritingThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws(CacheError) -> Value {
        let result: Result<Value, CacheError> = await withCheckedContinuation { continuation in
            let isAccepted = core.writes.submit { mayUseDisk in
                continuation.resume(returning: mayUseDisk ? .success(body()) : .failure(.noRoom))
            }
            if !isAccepted { continuation.resume(returning: .failure(.closed)) }
        }
        return try result.get()
    }
}
