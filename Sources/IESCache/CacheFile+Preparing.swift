// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import SystemPackage

extension CacheFile {
    /// Does what `readNow` could not: checks the checksums of blocks from earlier runs, and brings pages into memory.
    /// On a thread of the cache's own. Afterwards the range's blocks are verified, or no longer held: then they are
    /// `missing` and to be fetched again.
    ///
    /// A disk that cannot be read, or not in time, makes what it holds `missing` until it works again.
    package func prepare(_ range: Range<Int64>) async throws(CacheError) {
        let range = range.clamped(to: 0..<size)
        if range.isEmpty || state.withLock({ $0.memory.ranges.contains(range) }) { return }
        if core.watch.isBypassed, !core.isClosed { return bypass(range) }
        do throws(CacheError) {
            let isDone = try await core.threads.run(watchedBy: core.watch) { [self] () throws(CacheError) in
                try prepareOnDisk(range)
            }
            if !isDone { bypass(range) }
        } catch .disk {
            bypass(range)
        }
    }

    private func prepareOnDisk(_ range: Range<Int64>) throws(CacheError) {
        let blocks = state.withLock { $0.map.blocks(in: range) }
        var isInMemory = !acceptByMark(range)
        if isInMemory {
            for block in blocks where try !verify(block) { isInMemory = false }
        }
        do throws(CacheError) {
            try warmUp(range, unless: isInMemory)
        } catch .disk(_, _, .ioError) {
            for block in blocks { try dropIfUnreadable(block) }
        }
    }

    /// Drops a block that was verified and cannot be read any more.
    private func dropIfUnreadable(_ block: Int) throws(CacheError) {
        do throws(CacheError) {
            _ = try checksum(of: state.withLock { $0.map.range(of: block) })
        } catch .disk(_, _, .ioError) {
            try drop(block)
        }
    }

    /// Makes `missing` what of `range` the disk holds and memory does not.
    private func bypass(_ range: Range<Int64>) {
        let epoch = core.watch.epoch
        var parts = state.withLock { state in
            state.map.present.parts(in: range).flatMap { state.memory.ranges.gaps(in: $0) }
        }
        parts.removeAll { isInPageCache($0) }
        if parts.isEmpty { return }
        state.withLock { state in
            for part in parts { state.bypassed.insert(part, epoch: epoch) }
            hasAll.store(false, ordering: .releasing)
        }
    }

    /// Whether all of `range` can be read without waiting, and is believed.
    private func isInPageCache(_ range: Range<Int64>) -> Bool {
        guard state.withLock({ $0.map.believed.contains(range) }) else { return false }
        return withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 4096) { buffer in
            stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceSize).allSatisfy { offset in
                let count = Int(min(Int64(buffer.count), range.upperBound - offset))
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count))
                return data.readNow(into: part, at: offset, carefully: core.watch.isSuspect)
            }
        }
    }
}

extension CacheFile {
    /// Verifies the blocks of `range` without reading them, if the file has not been touched since a clean stop.
    /// Each block once, when it is first used: what happens to the file before that is noticed.
    func acceptByMark(_ range: Range<Int64>) -> Bool {
        guard let mark = state.withLock({ $0.mark }) else { return false }
        let isUntouched = (try? data.status()) == mark.status
        return state.withLock { state in
            guard state.mark == mark else { return false }
            guard isUntouched else {
                state.mark = nil
                return false
            }
            for block in state.map.blocks(in: range) { state.map.verified(block) }
            if state.isWhole { hasAll.store(true, ordering: .releasing) }
            return state.map.standing(of: range) == .readable
        }
    }

    /// Checks a block in doubt against its checksum; drops it if that does not hold.
    /// - Returns: Whether it was checked, and so all of it read.
    @discardableResult
    func verify(_ block: Int) throws(CacheError) -> Bool {
        try verifications[block % verifications.count].lock.withLock { _ throws(CacheError) -> Bool in
            let (doubt, range) = state.withLock { ($0.map.doubt(block), $0.map.range(of: block)) }
            guard let doubt else { return false }
            let before = drops.load(ordering: .sequentiallyConsistent)
            var failure: CacheError?
            do throws(CacheError) {
                if try checksum(of: range) == doubt {
                    state.withLock { state in
                        state.map.verified(block)
                        if state.isWhole { hasAll.store(true, ordering: .releasing) }
                    }
                    core.ledger.verifiedBlocks.add(1, ordering: .relaxed)
                    return true
                }
            } catch {
                // What cannot be read for good is fetched again as well.
                guard case .disk(_, _, .ioError) = error else { throw error }
                failure = error
            }
            // What was read may be the hole that an eviction left.
            guard drops.load(ordering: .sequentiallyConsistent) == before else { return false }
            let earlier = core.ledger.damagedBlocks.add(1, ordering: .relaxed).oldValue
            core.logger.log(
                level: earlier == 0 ? .warning : .debug, "a cached block is damaged and will be fetched again",
                metadata: [
                    "file": "\(data.path)", "block": "\(block)", "error": "\(failure.map { "\($0)" } ?? "checksum")",
                ])
            try drop(block)
            return true
        }
    }

    /// The checksum of what the file holds in `range`; `nil` if the file ends before.
    func checksum(of range: Range<Int64>) throws(CacheError) -> CRC32C? {
        try withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 4096) {
            buffer throws(CacheError) -> CRC32C? in
            var checksum = CRC32C()
            var position = range.lowerBound
            while position < range.upperBound {
                let count = Int(min(Int64(buffer.count), range.upperBound - position))
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count))
                guard try data.read(into: part, at: position) == count else { return nil }
                checksum.update(UnsafeRawBufferPointer(part))
                position += Int64(count)
            }
            return checksum
        }
    }

    /// Fits into the second-level cache, and into `malloc`'s heap.
    private static let pieceSize = 128 << 10
}

extension CacheFile {
    /// Reads `range` for the page cache's sake, unless it has just been read; if all of it may be read.
    ///
    /// Where the file system cannot read without waiting, or the pages are gone again, the next read is given the bytes.
    private func warmUp(_ range: Range<Int64>, unless isInMemory: Bool) throws(CacheError) {
        guard state.withLock({ $0.map.standing(of: range) }) == .readable else { return }
        if !isInMemory { _ = try checksum(of: range) }
        if isInPageCache(range) { return }
        let before = drops.load(ordering: .sequentiallyConsistent)
        let buffer = PieceBuffer(capacity: range.count)
        let count = try buffer.fill { bytes -> Result<Int, CacheError> in
            Result { () throws(CacheError) in try data.read(into: bytes, at: range.lowerBound) }
        }.get()
        guard count == range.count, drops.load(ordering: .sequentiallyConsistent) == before else { return }
        warm.withLock { warm in
            if warm.count >= 4 { warm.removeFirst() }
            warm.append(MemoryPieces.Piece(start: range.lowerBound, buffer: buffer, count: count))
        }
    }

    /// What `warmUp` has kept of `range`, once.
    func takeWarm(_ range: Range<Int64>) -> MemoryPieces.Piece? {
        warm.withLock { warm in
            let index = warm.firstIndex { $0.start <= range.lowerBound && range.upperBound <= $0.end }
            return index.map { warm.remove(at: $0) }
        }
    }
}
