// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Stores the bytes of one download into a result's data file. Used by one thread at a time, in order.
package final class BlockWriter: Sendable {
    package struct Progress: Hashable, Sendable {
        /// Where the next bytes go.
        package var position: Int64
        /// The bytes differ from those that are held, or go on past the end. None that differ were stored, and what was
        /// held stays as it was. The download should be ended.
        package var contradicts: Bool

        package init(position: Int64, contradicts: Bool) {
            self.position = position
            self.contradicts = contradicts
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

    /// Takes the next bytes; they are readable when this returns.
    ///
    /// What is held or has arrived already is not stored again but compared: bytes of a finished block by its checksum, at
    /// the block's end, if all of it went through this writer; those of an unfinished block at once.
    package func append(_ bytes: RawSpan) throws(CacheError) -> Progress {
        try bytes.withUnsafeBytes { bytes throws(CacheError) in
            try state.withLock { state throws(CacheError) in
                var rest = bytes[...]
                while !rest.isEmpty, !state.contradicts {
                    guard state.position >= 0, state.position < file.size else {
                        state.contradicts = true
                        break
                    }
                    let end = file.state.withLock { [position = state.position] file in
                        file.map.range(of: file.map.block(at: position)).upperBound
                    }
                    let count = Int(min(Int64(rest.count), end - state.position))
                    let part = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                    let agrees = try file.take(part, at: state.position, passing: &state.passing)
                    if !agrees { state.contradicts = true } else { state.position += Int64(count) }
                    rest = rest.dropFirst(count)
                }
                return Progress(position: state.position, contradicts: state.contradicts)
            }
        }
    }
}

extension CacheFile {
    /// Stores or compares bytes of one block.
    ///
    /// - Parameter passing: The checksum of the caller's bytes of a held block so far.
    /// - Returns: Whether they agree with what was there.
    fileprivate func take(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, passing: inout CRC32C?
    ) throws(CacheError) -> Bool {
        let range = offset..<(offset + Int64(bytes.count))
        let (block, whole) = state.withLock { state in
            let block = state.map.block(at: offset)
            return (block, state.map.range(of: block))
        }
        let (wasHeld, agrees) = try changes.withLock { isMarked throws(CacheError) -> (Bool, Bool) in
            if core.isClosed { throw .closed }
            if state.withLock({ $0.map.checksums[block] != nil }) { return (true, true) }
            try unmark(&isMarked)
            return (false, try store(bytes, at: offset, of: block))
        }
        guard wasHeld else {
            passing = nil
            return agrees
        }
        // Whoever comes into a held block past its start is not compared: its checksum needs all of it.
        if range.lowerBound == whole.lowerBound { passing = CRC32C() }
        guard passing != nil else { return true }
        passing?.update(bytes)
        guard range.upperBound == whole.upperBound else { return true }
        defer { passing = nil }
        guard let passed = passing, let held = state.withLock({ $0.map.checksums[block] }), passed != held else {
            return true
        }
        // The block may be the one that is wrong: then it is dropped, and fetched again.
        try verify(block)
        return state.withLock { $0.map.checksums[block] == nil }
    }

    /// Stores bytes of an unfinished block where there are none yet, and compares the others. With `changes` locked.
    private func store(_ bytes: UnsafeRawBufferPointer, at offset: Int64, of block: Int) throws(CacheError) -> Bool {
        let range = offset..<(offset + Int64(bytes.count))
        func part(_ part: Range<Int64>) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(
                rebasing: bytes[Int(part.lowerBound - offset)..<Int(part.upperBound - offset)])
        }
        let gaps = state.withLock { $0.map.present.gaps(in: range) }
        var position = range.lowerBound
        for gap in gaps + [range.upperBound..<range.upperBound] {
            let overlap = position..<gap.lowerBound
            if !overlap.isEmpty, try !holds(part(overlap), at: overlap.lowerBound) { return false }
            position = gap.upperBound
            if !gap.isEmpty { try write(part(gap), at: gap, of: block) }
        }
        return true
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at range: Range<Int64>, of block: Int) throws(CacheError) {
        var (before, charge, held) = state.withLock { state in
            (
                state.map.checksum(before: range.lowerBound, in: block), state.map.charge(of: block),
                state.map.present.count
            )
        }
        let extends = before != nil
        before = before ?? CRC32C()
        before?.update(bytes)
        let reserved = BlockMap.charge(ofBytes: Int64(bytes.count)) + BlockMap.charge(ofBytes: 1)
        held += Int64(bytes.count)
        try core.ledger.reserve(reserved, owner: held)
        do throws(CacheError) {
            try data.write(bytes, at: range.lowerBound)
        } catch {
            core.ledger.release(reserved)
            throw error
        }
        let finished = arrived(range, before ?? CRC32C(), extending: extends)
        let (now, isComplete) = state.withLock { ($0.map.charge(of: block), $0.map.isComplete) }
        core.ledger.release(reserved - (now - charge))
        if let finished {
            core.index.enqueue(.block(record.id, block, finished, charge: now), isUrgent: isComplete)
        }
    }

    /// Whether the file has these bytes at `offset`, which arrived in this run.
    private func holds(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(CacheError) -> Bool {
        try withUnsafeTemporaryAllocation(byteCount: min(bytes.count, 64 << 10), alignment: 16) {
            buffer throws(CacheError) -> Bool in
            var done = 0
            while done < bytes.count {
                let count = min(buffer.count, bytes.count - done)
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count))
                guard try data.read(into: part, at: offset + Int64(done)) == count,
                    memcmp(part.baseAddress!, bytes.baseAddress! + done, count) == 0
                else { return false }
                done += count
            }
            return true
        }
    }
}
