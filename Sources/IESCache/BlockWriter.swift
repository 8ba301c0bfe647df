// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Stores the bytes of one download into a result's data file. Used by one thread at a time, in order.
package final class BlockWriter: Sendable {
    package struct Progress: Hashable, Sendable {
        /// Where the next bytes go.
        package var position: Int64
        /// The bytes differ from those that are held, or go on past the end. None that differ were stored, and what was
        /// held stays as it was. The download should be ended.
        package var contradicts: Bool
        /// There is no memory for these bytes, and none of them was taken: they are to come again after
        /// `CacheFile.whenRoom`.
        package var mustWait: Bool

        package init(position: Int64, contradicts: Bool, mustWait: Bool = false) {
            self.position = position
            self.contradicts = contradicts
            self.mustWait = mustWait
        }
    }

    private struct State {
        var position: Int64
        /// Of this writer's bytes of the block at `position`, while they pass a held block from its start on.
        var passing: CRC32C?
        var contradicts = false
    }

    private let file: CacheFile
    private let state: Mutex<State>

    init(_ file: CacheFile, at offset: Int64) {
        self.file = file
        state = Mutex(State(position: offset))
    }

    /// Where the next bytes go.
    package var position: Int64 { state.withLock { $0.position } }

    /// Takes the next bytes; they are readable when this returns. Does not wait for the disk.
    ///
    /// What is held or has arrived already is not stored again but compared: bytes of a finished block by its checksum, at
    /// the block's end, if all of it went through this writer; those of an unfinished block at once, where they are in
    /// memory.
    package func append(_ bytes: RawSpan) throws(CacheError) -> Progress {
        if file.core.isClosed { throw .closed }
        let hasRoom = file.core.makeRoomInMemory(for: bytes.byteCount)
        return try bytes.withUnsafeBytes { bytes throws(CacheError) in
            try state.withLock { state throws(CacheError) in
                guard hasRoom else {
                    return Progress(position: state.position, contradicts: state.contradicts, mustWait: true)
                }
                var rest = bytes[...]
                while !rest.isEmpty, !state.contradicts {
                    guard state.position >= 0, state.position < file.size else {
                        state.contradicts = true
                        break
                    }
                    let start = state.position / Int64(file.blockSize) * Int64(file.blockSize)
                    let end = file.size - start > Int64(file.blockSize) ? start + Int64(file.blockSize) : file.size
                    let count = Int(min(Int64(rest.count), end - state.position))
                    let part = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                    let agrees = try file.accept(part, at: state.position, passing: &state.passing)
                    if !agrees { state.contradicts = true } else { state.position += Int64(count) }
                    rest = rest.dropFirst(count)
                }
                return Progress(position: state.position, contradicts: state.contradicts)
            }
        }
    }
}

extension CacheFile {
    /// Calls `body` once, from any thread, when there may be memory for what a writer could not take.
    package func whenRoom(_ body: @escaping @Sendable () -> Void) { core.whenRoomInMemory(body) }

    /// Waits until what has arrived is on the disk, or the disk is passed by. For tests and the end of a run.
    package func drain() { core.writes.drain() }
}
