// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Keeps a body whose length is told only by its end. Discarded with the object unless finished.
/// Used by one thread at a time.
package final class Spool: Sendable {
    fileprivate struct State: ~Copyable {
        /// `nil` once finished.
        var data: DataFile?
        var count: Int64 = 0
        var finished: [CRC32C] = []
        /// Of the bytes of the last, unfinished block.
        var current = CRC32C()
    }

    package let key: ResultKey
    let id: VersionID
    private let cache: BlockCache
    private let state: Mutex<State>

    init(_ key: ResultKey, _ id: VersionID, cache: BlockCache, data: consuming DataFile) {
        self.key = key
        self.id = id
        self.cache = cache
        state = Mutex(State(data: consume data))
    }

    deinit {
        let unfinished: (FilePath, Int64)? = state.withLock { state in
            guard let path = state.data?.path else { return nil }
            return (path, state.count)
        }
        guard let (path, count) = unfinished else { return }
        _ = path.withPlatformString { unlink($0) }
        cache.core.ledger.release(BlockMap.charge(ofBytes: count))
        cache.discarded(self)
    }

    /// Bytes taken so far.
    package var count: Int64 { state.withLock { $0.count } }

    /// Takes the next bytes. Throws `CacheError.tooLarge` once they exceed the cache's limit.
    ///
    /// - Returns: False, and nothing taken, if room has to be made first: they are to come again after `whenRoom`.
    package func append(_ bytes: RawSpan) throws(CacheError) -> Bool {
        try bytes.withUnsafeBytes { bytes throws(CacheError) in
            try state.withLock { state throws(CacheError) in
                if cache.core.isClosed { throw .closed }
                let count = state.count + Int64(bytes.count)
                let charge = BlockMap.charge(ofBytes: count) - BlockMap.charge(ofBytes: state.count)
                let limit = cache.core.ledger.effectiveLimit
                guard count <= limit else { throw .tooLarge(size: count, limit: limit) }
                guard cache.core.ledger.reserve(charge) else { return false }
                do throws(CacheError) {
                    try state.data?.write(bytes, at: state.count)
                } catch {
                    cache.core.ledger.release(charge)
                    throw error
                }
                state.take(bytes, blockSize: cache.core.settings.blockSize)
                return true
            }
        }
    }

    /// Has room made for more, and then calls `body` once, from another thread, with whether there is any.
    package func whenRoom(_ body: @escaping @Sendable (Bool) -> Void) { cache.core.writes.makeRoom(then: body) }

    /// The body has ended: records it, complete and verified, as the next version of its key. Once only.
    package func finish(_ details: ResultDetails) throws(CacheError) -> (ResultRecord, CacheFile) {
        try state.withLock { state throws(CacheError) in
            let blockSize = cache.core.settings.blockSize
            var checksums = state.finished
            if state.count % Int64(blockSize) != 0 { checksums.append(state.current) }
            var map = BlockMap(size: state.count, blockSize: blockSize)
            for (block, checksum) in checksums.enumerated() { map.restore(block, checksum, believed: true) }
            let new = NewResult(key: key, size: state.count, details: details)
            let record = try cache.add(new, id: id) { id in
                checksums.enumerated().map { .block(id, $0.offset, $0.element, charge: map.charge(of: $0.offset)) }
            }
            guard let data = state.data.take() else { throw .closed }
            let file = cache.adopt(
                CacheFile(
                    record, core: cache.core, data: data, map: map, mark: nil, isMarkSynced: false, isMarked: false))
            file.state.withLock { $0.unsynced.formUnion(0..<checksums.count) }
            cache.core.wrote(Int(state.count), to: file)
            return (record, file)
        }
    }
}

extension Spool.State {
    fileprivate mutating func take(_ bytes: UnsafeRawBufferPointer, blockSize: Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(blockSize - Int(count % Int64(blockSize)))
            current.update(UnsafeRawBufferPointer(rebasing: part))
            count += Int64(part.count)
            rest = rest.dropFirst(part.count)
            guard count % Int64(blockSize) == 0 else { break }
            finished.append(current)
            current = CRC32C()
        }
    }
}
