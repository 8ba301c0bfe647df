// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// From the transport: into memory.
extension CacheFile {
    /// Takes or compares bytes of one block. Never waits for the disk, but to find out which of two contents is right.
    ///
    /// - Parameter passing: The checksum of the caller's bytes of a held block so far.
    /// - Returns: Whether they agree with what was there.
    func accept(_ bytes: UnsafeRawBufferPointer, at offset: Int64, passing: inout CRC32C?) throws(CacheError) -> Bool {
        let range = offset..<(offset + Int64(bytes.count))
        let epoch = core.watch.epoch
        let before = drops.load(ordering: .sequentiallyConsistent)
        let (added, known) = state.withLock { state -> (added: [Int64], known: Known) in
            state.bypassed.forget(unless: epoch)
            let whole = state.map.range(of: state.map.block(at: offset))
            let isHeld = state.map.checksums[state.map.block(at: offset)] != nil
            if isHeld, !state.bypassed.overlaps(range) { return ([], .held(whole)) }
            guard state.memory.agrees(with: bytes, at: offset) else { return ([], .contradiction) }
            let onDisk = isHeld ? [] : state.map.present.parts(in: range)
            return (add(bytes, at: offset, in: whole, to: &state), .unfinished(onDisk))
        }
        for start in added { core.writes.add(self, at: start) }
        switch known {
        case .contradiction: return false
        case .held(let whole): return try passes(bytes, range, of: whole, &passing)
        case .unfinished(let parts):
            passing = nil
            return parts.allSatisfy { part in
                let start = Int(part.lowerBound - offset)
                let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + part.count])
                // What was evicted since cannot be compared.
                return agreesInPageCache(part, at: offset + Int64(start))
                    || drops.load(ordering: .sequentiallyConsistent) != before
            }
        }
    }

    private enum Known {
        case held(Range<Int64>)
        /// These parts had arrived before.
        case unfinished([Range<Int64>])
        case contradiction
    }

    private func add(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, in block: Range<Int64>, to state: inout State
    ) -> [Int64] {
        var added: [Int64] = []
        for gap in state.gaps(in: offset..<offset + Int64(bytes.count)) {
            let start = Int(gap.lowerBound - offset)
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + gap.count])
            core.memory.add(part.count)
            let new = state.memory.add(part, at: gap.lowerBound, in: block, buffer: core.buffers.take)
            if let new { added.append(new) }
        }
        return added
    }

    /// Compares with a held block by its checksum, at the block's end, if all of it went through one writer.
    private func passes(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int64>, of whole: Range<Int64>, _ passing: inout CRC32C?
    ) throws(CacheError) -> Bool {
        // Whoever comes into a held block past its start is not compared: its checksum needs all of it.
        if range.lowerBound == whole.lowerBound { passing = CRC32C() }
        guard passing != nil else { return true }
        passing?.update(bytes)
        guard range.upperBound == whole.upperBound else { return true }
        defer { passing = nil }
        let block = state.withLock { $0.map.block(at: whole.lowerBound) }
        guard let passed = passing, let held = state.withLock({ $0.map.checksums[block] }), passed != held else {
            return true
        }
        if core.watch.isBypassed { return false }
        // The block may be the one that is wrong: then it is dropped, and fetched again.
        try verify(block)
        return state.withLock { $0.map.checksums[block] == nil }
    }

    /// Compares with bytes of an unfinished block, where that needs no wait.
    private func agreesInPageCache(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 16) { buffer in
            !data.readNow(into: buffer, at: offset, carefully: true)
                || memcmp(buffer.baseAddress!, bytes.baseAddress!, bytes.count) == 0
        }
    }

    /// Gives up bytes that are not on the disk.
    /// - Returns: How many.
    func forgetPiece(at start: Int64) -> Int {
        let count = state.withLock { $0.memory.remove(at: start) }
        core.memory.release(count)
        return count
    }
}

/// From memory to the disk: on the thread that writes.
extension CacheFile {
    /// Writes a piece of `memory` to the disk, and makes room for it first. It is readable all the while.
    ///
    /// - Returns: Whether anything had to be written.
    func writePiece(at start: Int64) throws(CacheError) -> Bool {
        var (buffer, count) = state.withLock { $0.memory.take(at: start) }
        guard let bytes = buffer?.bytes(0..<count) else { return false }
        do throws(CacheError) {
            let hasWritten = try storeOrMakeRoom(bytes, start..<start + Int64(count))
            core.buffers.giveBack(&buffer)
            return hasWritten
        } catch {
            state.withLock { $0.memory.giveBack(at: start) }
            throw error
        }
    }

    /// The disk may be fuller than it looked.
    private func storeOrMakeRoom(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int64>
    ) throws(CacheError) -> Bool {
        do throws(CacheError) {
            return try store(bytes, range)
        } catch {
            guard case .full = error, core.makeRoom(Int64(bytes.count)) > 0 else { throw error }
        }
        return try store(bytes, range)
    }

    private func store(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int64>) throws(CacheError) -> Bool {
        // Only this thread changes what that depends on, and makes room.
        let reserved = state.withLock { state in
            let block = state.map.block(at: range.lowerBound)
            return state.map.checksums[block] == nil ? state.map.charge(ofAdding: range, to: block) : 0
        }
        try core.reserve(reserved)
        var left = reserved
        defer { core.ledger.release(left) }
        return try changes.withLock { isMarked throws(CacheError) -> Bool in
            let block = state.withLock { $0.map.block(at: range.lowerBound) }
            var hasWritten = false
            // A block that is held, and passed by, has come a second time.
            if state.withLock({ $0.map.checksums[block] == nil }) {
                try unmark(&isMarked)
                for gap in state.withLock({ $0.map.present.gaps(in: range) }) {
                    let start = Int(gap.lowerBound - range.lowerBound)
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + gap.count])
                    left -= try write(part, at: gap, of: block)
                    hasWritten = true
                }
            }
            let count = state.withLock { $0.memory.remove(at: range.lowerBound) }
            core.memory.release(count)
            return hasWritten
        }
    }

    /// - Returns: The space it took, in bytes.
    private func write(
        _ bytes: UnsafeRawBufferPointer, at range: Range<Int64>, of block: Int
    ) throws(CacheError) -> Int64 {
        var (checksum, before) = state.withLock { state in
            (state.map.checksum(before: range.lowerBound, in: block), state.map.charge(of: block))
        }
        let extends = checksum != nil
        checksum = checksum ?? CRC32C()
        checksum?.update(bytes)
        try data.write(bytes, at: range.lowerBound)
        let clock = core.clock.add(1, ordering: .relaxed).newValue
        let (finished, after, isComplete) = state.withLock { state in
            let finished = state.map.arrived(range, checksum ?? CRC32C(), extending: extends)
            state.uses[block] = clock
            state.unsynced.insert(block)
            if state.isWhole { hasAll.store(true, ordering: .releasing) }
            return (finished, state.map.charge(of: block), state.map.isComplete)
        }
        if let finished {
            core.index.enqueue(.block(record.id, block, finished, charge: after), isUrgent: isComplete)
        }
        core.wrote(bytes.count, to: self)
        return after - before
    }
}
