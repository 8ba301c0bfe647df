// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import SystemPackage

/// One version's data file and the map of what it holds. Any number of threads may read and write it at once.
package final class CacheFile: Sendable {
    struct State: Sendable {
        var map: BlockMap
        /// While the file is as this says, the blocks in doubt need no verification.
        var mark: CleanMark?
        /// Every block is held and verified, and on the disk.
        var isSettled = false
        /// See `CacheFile.pin`.
        var pins = 0
    }

    package let record: ResultRecord
    let core: CacheCore
    let data: DataFile
    let state: Mutex<State>
    /// Whether the index has a record of a clean stop, to be removed before the file changes. Held during every change
    /// of the file's content, before `state`.
    let changes: Mutex<Bool>
    /// Held while a block is verified, by its number: each is checked once, and others meanwhile.
    private let verifications = (0..<8).map { _ in Stripe() }
    /// Counts the blocks that were dropped: a read during which it changed may have seen a hole.
    let drops = Atomic(0)
    private let hasAll: Atomic<Bool>
    /// What `prepare` brought into memory lately. Where the file system cannot read without waiting, or the pages are
    /// gone again, this lets a read wait rather than go round for ever.
    private let warm = Mutex<[Range<Int64>]>([])

    private final class Stripe: Sendable { let lock = Mutex(()) }

    init(
        _ record: ResultRecord, core: CacheCore, data: consuming DataFile, map: BlockMap, mark: CleanMark?,
        isMarked: Bool
    ) {
        self.record = record
        self.core = core
        self.data = data
        hasAll = Atomic(map.isBelieved)
        state = Mutex(State(map: map, mark: mark))
        changes = Mutex(isMarked)
    }

    /// In bytes.
    package var size: Int64 { record.size }
    /// In bytes; the last block is shorter.
    package var blockSize: Int { record.blockSize }
    package var blockCount: Int { state.withLock { $0.map.blockCount } }
    /// Bytes in the cache, those of unfinished blocks included.
    package var heldBytes: Int64 { state.withLock { $0.map.present.count } }
    /// Whether every block is held.
    package var isComplete: Bool { state.withLock { $0.map.isComplete } }
    /// Whether every block is held and has been verified in this run.
    package var isVerified: Bool { hasAll.load(ordering: .acquiring) }

    /// What `readNow` came to.
    package enum Outcome: Hashable, Sendable {
        /// So many bytes were read: all of the buffer, or up to the end of the file.
        case read(Int)
        /// Some of the bytes have not arrived; `missing(in:)` says which.
        case missing
        /// The bytes are held, but their blocks' checksums have not been checked in this run: `prepare` does it.
        case unverified
        /// The bytes would have to come from the disk: `prepare` fetches them.
        case wouldBlock
    }

    /// Fills `buffer` from `offset` on, up to the end of the file, if every byte has arrived and is verified: all or
    /// nothing. Never waits for the disk before the cache is closed, allocates nothing. After anything but `read` the buffer's content is undefined.
    package func readNow(at offset: Int64, into buffer: inout MutableRawSpan) -> Outcome {
        guard offset >= 0, offset < size else { return .read(0) }
        let count = Int(min(Int64(buffer.byteCount), size - offset))
        let range = offset..<(offset + Int64(count))
        while true {
            let before = drops.load(ordering: .sequentiallyConsistent)
            if !hasAll.load(ordering: .acquiring) {
                switch state.withLock({ $0.map.standing(of: range) }) {
                case .readable: break
                case .missing: return .missing
                case .unverified:
                    guard acceptByMark(range) else { return .unverified }
                }
            }
            let isRead = buffer.withUnsafeMutableBytes { bytes in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(count))
                return data.readNow(into: target, at: offset) || (mayWait(range) && readWaiting(target, offset))
            }
            guard isRead else { return .wouldBlock }
            if drops.load(ordering: .sequentiallyConsistent) == before { return .read(count) }
        }
    }

    /// The parts of `range` that have to be fetched: neither arrived nor held. What is held counts as present before
    /// it is verified. In order, not adjacent.
    package func missing(in range: Range<Int64>) -> [Range<Int64>] {
        let range = range.clamped(to: 0..<size)
        return state.withLock { $0.map.present.gaps(in: range) }
    }

    /// Takes bytes from `offset` on. Several writers may be open, at different places or the same.
    package func writer(at offset: Int64) -> BlockWriter { BlockWriter(self, at: offset) }

    private func readWaiting(_ target: UnsafeMutableRawBufferPointer, _ offset: Int64) -> Bool {
        (try? data.read(into: target, at: offset)) == target.count
    }
}

extension CacheFile {
    /// Does what `readNow` could not: checks the checksums of blocks from earlier runs, and brings pages into memory.
    /// On a thread of the cache's own. Afterwards the range's blocks are verified, or no longer held: then they are
    /// `missing` and to be fetched again. An error means that the disk could not be read.
    package func prepare(_ range: Range<Int64>) async throws(CacheError) {
        let range = range.clamped(to: 0..<size)
        if range.isEmpty { return }
        try await core.threads.run { [self] () throws(CacheError) in
            let blocks = state.withLock { $0.map.blocks(in: range) }
            var isInMemory = !acceptByMark(range)
            if isInMemory {
                for block in blocks where try !verify(block) { isInMemory = false }
            }
            try warmUp(range, unless: isInMemory)
        }
    }

    /// Brings what has been written to the disk, on a thread of the cache's own.
    package func sync() async throws(CacheError) {
        try await core.threads.run { [self] () throws(CacheError) in try data.sync() }
    }

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
            if state.map.isBelieved { hasAll.store(true, ordering: .releasing) }
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
            var failure: CacheError?
            do throws(CacheError) {
                if try checksum(of: range) == doubt {
                    state.withLock { state in
                        state.map.verified(block)
                        if state.map.isBelieved { hasAll.store(true, ordering: .releasing) }
                    }
                    core.ledger.verifiedBlocks.add(1, ordering: .relaxed)
                    return true
                }
            } catch {
                // What cannot be read for good is fetched again as well.
                guard case .disk(_, _, .ioError) = error else { throw error }
                failure = error
            }
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

    /// Forgets a held block, in the index too, and gives its space back.
    private func drop(_ block: Int) throws(CacheError) {
        try changes.withLock { isMarked throws(CacheError) in
            try unmark(&isMarked)
            let (range, charge) = state.withLock { state in
                let charge = state.map.charge(of: block)
                state.map.drop(block)
                state.isSettled = false
                hasAll.store(state.map.isBelieved, ordering: .releasing)
                return (state.map.range(of: block), charge)
            }
            drops.add(1, ordering: .sequentiallyConsistent)
            core.index.enqueue(.dropped(record.id, block, charge: charge))
            data.punch(range)
            core.ledger.release(charge)
        }
    }

    /// To be called before the file's content changes, with `changes` locked.
    func unmark(_ isMarked: inout Bool) throws(CacheError) {
        state.withLock { $0.mark = nil }
        guard isMarked else { return }
        try core.index.removeCleanMark(record.id)
        isMarked = false
    }

    /// Bytes have arrived; see `BlockMap.arrived`. To be called with `changes` locked.
    func arrived(_ range: Range<Int64>, _ checksum: CRC32C, extending: Bool) -> CRC32C? {
        state.withLock { state in
            let finished = state.map.arrived(range, checksum, extending: extending)
            if state.map.isBelieved { hasAll.store(true, ordering: .releasing) }
            return finished
        }
    }

    /// Forgets what has arrived of unfinished blocks, and gives the space back.
    func dropUnfinished() {
        changes.withLock { _ in
            let (ranges, charge) = state.withLock { state in
                var ranges: [Range<Int64>] = []
                var charge: Int64 = 0
                for block in Array(state.map.pieces.keys) {
                    charge += state.map.charge(of: block)
                    ranges.append(state.map.range(of: block))
                    state.map.drop(block)
                }
                if !ranges.isEmpty { (state.mark, state.isSettled) = (nil, false) }
                return (ranges, charge)
            }
            if ranges.isEmpty { return }
            drops.add(1, ordering: .sequentiallyConsistent)
            for range in ranges { data.punch(range) }
            core.ledger.release(charge)
        }
    }

    /// The checksum of what the file holds in `range`; `nil` if the file ends before.
    private func checksum(of range: Range<Int64>) throws(CacheError) -> CRC32C? {
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
    private func warmUp(_ range: Range<Int64>, unless isInMemory: Bool) throws(CacheError) {
        guard state.withLock({ $0.map.standing(of: range) }) == .readable else { return }
        if !isInMemory { _ = try checksum(of: range) }
        warm.withLock { warm in
            if warm.count >= 32 { warm.removeFirst() }
            warm.append(range)
        }
    }

    /// Whether a read may wait for the disk: after the cache was closed, there is no one to wait instead.
    private func mayWait(_ range: Range<Int64>) -> Bool {
        if core.isClosed { return true }
        return warm.withLock { warm in
            let index = warm.firstIndex { $0.contains(range.lowerBound) && $0.upperBound >= range.upperBound }
            guard let index else { return false }
            warm.remove(at: index)
            return true
        }
    }
}
