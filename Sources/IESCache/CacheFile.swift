// SPDX-License-Identifier: Apache-2.0

import Logging
package import Synchronization
import SystemPackage

/// One version's data file and the map of what it holds. Any number of threads may read and write it at once.
package final class CacheFile: Sendable {
    struct State: Sendable {
        /// What is on the disk.
        var map: BlockMap
        /// What is not there yet, or cannot be read from there now.
        var memory = MemoryPieces()
        /// What is on the disk and is to be had elsewhere, while the disk is passed by.
        var bypassed = Bypassed()
        /// When each block that came or was read in this run was last used, by `CacheCore.clock`.
        var uses: [Int: UInt64] = [:]
        /// Blocks that were written since the file was synced.
        var unsynced: Set<Int> = []
        /// While the file is as this says, the blocks in doubt need no verification.
        var mark: CleanMark?
        /// What the mark stands for was synced: it was made by a clean stop.
        var isMarkSynced = false
        /// Every block is held and verified, and on the disk.
        var isSettled = false
        /// See `CacheFile.pin`.
        var pins = 0
    }

    package let record: ResultRecord
    let core: CacheCore
    let data: DataFile
    /// Held while it is synced.
    let syncing = Mutex(())
    let state: Mutex<State>
    /// Whether the index has a record of a clean stop, to be removed before the file changes. Held during every change
    /// of the file's content, before `state`.
    let changes: Mutex<Bool>
    /// Held while a block is verified, by its number: each is checked once, and others meanwhile.
    let verifications = (0..<8).map { _ in Stripe() }
    /// Counts the blocks that were dropped: a read during which it changed may have seen a hole.
    let drops = Atomic(0)
    /// Whether all of it is on the disk, believed, and not passed by.
    let hasAll: Atomic<Bool>
    /// When it was last read or opened, in seconds since 1970.
    let usedAt: Atomic<Int64>
    /// How many have it open, to be counted by whoever opens it.
    package let openings = Atomic(0)
    /// What `prepare` has read lately and the page cache did not keep.
    let warm = Mutex<[MemoryPieces.Piece]>([])

    final class Stripe: Sendable { let lock = Mutex(()) }

    init(
        _ record: ResultRecord, core: CacheCore, data: consuming DataFile, map: BlockMap, mark: CleanMark?,
        isMarkSynced: Bool, isMarked: Bool
    ) {
        self.record = record
        self.core = core
        self.data = data
        hasAll = Atomic(map.isBelieved)
        usedAt = Atomic(core.settings.now())
        state = Mutex(State(map: map, mark: mark, isMarkSynced: isMarkSynced))
        changes = Mutex(isMarked)
    }

    /// In bytes.
    package var size: Int64 { record.size }
    /// In bytes; the last block is shorter.
    package var blockSize: Int { record.blockSize }
    package var blockCount: Int { state.withLock { $0.map.blockCount } }
    /// Bytes in the cache, those of unfinished blocks included.
    package var heldBytes: Int64 { state.withLock { $0.heldBytes } }
    /// Whether every block is held.
    package var isComplete: Bool { state.withLock { $0.heldBytes } == size }
    /// What the cache may take now, in bytes.
    package var cacheLimit: Int64 { core.ledger.effectiveLimit }
    /// How much all readers of the cache together may have under way ahead of them, in bytes. Never waits.
    package var readAheadLimit: Int64 { core.readAhead.load(ordering: .relaxed) }
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
    /// nothing. Never waits for the disk before the cache is closed. After anything but `read` the buffer's content is
    /// undefined.
    package func readNow(at offset: Int64, into buffer: inout MutableRawSpan) -> Outcome {
        guard offset >= 0, offset < size else { return .read(0) }
        let count = Int(min(Int64(buffer.byteCount), size - offset))
        let range = offset..<(offset + Int64(count))
        noteUse()
        while true {
            let before = drops.load(ordering: .sequentiallyConsistent)
            var pieces: ArraySlice<MemoryPieces.Piece> = []
            if !hasAll.load(ordering: .acquiring) {
                switch standing(of: range) {
                case .readable(let found): pieces = found
                case .missing: return .missing
                case .unverified:
                    guard acceptByMark(range) else { return .unverified }
                }
            }
            let isRead = buffer.withUnsafeMutableBytes { bytes in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(count))
                return read(range, pieces, into: target, waiting: false)
                    || readOtherwise(range, pieces, into: target)
            }
            guard isRead else { return .wouldBlock }
            if drops.load(ordering: .sequentiallyConsistent) == before { return .read(count) }
        }
    }

    /// The parts of `range` that have to be fetched: neither arrived nor held. What is held counts as present before
    /// it is verified. In order, not adjacent.
    package func missing(in range: Range<Int64>) -> [Range<Int64>] {
        let range = range.clamped(to: 0..<size)
        let epoch = core.watch.epoch
        return state.withLock { state in
            state.bypassed.forget(unless: epoch)
            return state.gaps(in: range)
        }
    }

    /// Takes bytes from `offset` on. Several writers may be open, at different places or the same.
    package func writer(at offset: Int64) -> BlockWriter { BlockWriter(self, at: offset) }
}

extension CacheFile {
    private enum Standing {
        /// From the disk but for these.
        case readable(ArraySlice<MemoryPieces.Piece>)
        case unverified
        case missing
    }

    /// Says that the file is used now.
    func noteUse() {
        let now = core.settings.now()
        if usedAt.load(ordering: .relaxed) != now { usedAt.store(now, ordering: .relaxed) }
    }

    private func standing(of range: Range<Int64>) -> Standing {
        let epoch = core.watch.epoch
        let clock = core.clock.load(ordering: .relaxed)
        return state.withLock { state in
            state.bypassed.forget(unless: epoch)
            state.note(range, at: clock)
            if state.isWhole { hasAll.store(true, ordering: .releasing) }
            if state.memory.isEmpty, state.bypassed.isEmpty {
                return switch state.map.standing(of: range) {
                case .readable: .readable([])
                case .unverified: .unverified
                case .missing: .missing
                }
            }
            var isVerified = true
            for gap in state.memory.ranges.gaps(in: range) {
                if state.bypassed.overlaps(gap) { return .missing }
                switch state.map.standing(of: gap) {
                case .readable: break
                case .unverified: isVerified = false
                case .missing: return .missing
                }
            }
            return isVerified ? .readable(state.memory.pieces(in: range)) : .unverified
        }
    }

    /// Reads `range` from `pieces`, and from the disk what is not in them.
    private func read(
        _ range: Range<Int64>, _ pieces: ArraySlice<MemoryPieces.Piece>, into target: UnsafeMutableRawBufferPointer,
        waiting: Bool
    ) -> Bool {
        func part(_ part: Range<Int64>) -> UnsafeMutableRawBufferPointer {
            let start = Int(part.lowerBound - range.lowerBound)
            return UnsafeMutableRawBufferPointer(rebasing: target[start..<start + part.count])
        }
        func readDisk(_ gap: Range<Int64>) -> Bool {
            if gap.isEmpty { return true }
            let target = part(gap)
            if waiting { return (try? data.read(into: target, at: gap.lowerBound)) == target.count }
            return data.readNow(into: target, at: gap.lowerBound, carefully: core.watch.isSuspect)
        }
        var position = range.lowerBound
        for piece in pieces {
            let common = range.clamped(to: piece.start..<piece.end)
            guard readDisk(position..<common.lowerBound) else { return false }
            part(common).copyMemory(from: piece.bytes(common))
            position = common.upperBound
        }
        return readDisk(position..<range.upperBound)
    }
}

extension CacheFile {
    /// From what `prepare` kept; from the disk, whatever it takes, after the cache was closed: nobody prepares then.
    private func readOtherwise(
        _ range: Range<Int64>, _ pieces: ArraySlice<MemoryPieces.Piece>, into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        if core.isClosed { return read(range, pieces, into: target, waiting: true) }
        guard let piece = takeWarm(range) else { return false }
        return read(range, [piece], into: target, waiting: false)
    }
}

extension CacheFile.State {
    /// Whether all of it is on the disk, believed, and to be read from there.
    var isWhole: Bool { map.isBelieved && bypassed.isEmpty }

    /// On the disk or in memory.
    var heldBytes: Int64 {
        if memory.isEmpty && bypassed.isEmpty { return map.present.count }
        return map.size - gaps(in: 0..<map.size).reduce(0) { $0 + $1.upperBound - $1.lowerBound }
    }

    /// What is neither in memory nor to be had from the disk.
    func gaps(in range: Range<Int64>) -> [Range<Int64>] {
        var gaps = map.present.gaps(in: range)
        if !bypassed.isEmpty {
            var there = map.present
            for part in bypassed.ranges.ranges { there.remove(part) }
            gaps = there.gaps(in: range)
        }
        return memory.isEmpty ? gaps : gaps.flatMap { memory.ranges.gaps(in: $0) }
    }

    /// The blocks of `range` are used at `time`.
    mutating func note(_ range: Range<Int64>, at time: UInt64) {
        for block in map.blocks(in: range) where map.checksums[block] != nil || map.pieces[block] != nil {
            uses[block] = time
        }
    }
}

/// What is on the disk and cannot be read from there, until the disk has recovered.
struct Bypassed: Sendable {
    private(set) var ranges = ByteRanges()
    /// `DiskWatch.epoch` of what is here.
    private var epoch = 0

    var isEmpty: Bool { ranges.ranges.isEmpty }

    func overlaps(_ range: Range<Int64>) -> Bool { ranges.gaps(in: range) != [range] }

    mutating func insert(_ range: Range<Int64>, epoch: Int) {
        forget(unless: epoch)
        self.epoch = epoch
        ranges.insert(range)
    }

    mutating func remove(_ range: Range<Int64>) { ranges.remove(range) }

    /// What was noted before the last recovery holds no longer.
    mutating func forget(unless epoch: Int) {
        if self.epoch != epoch, !isEmpty { ranges = ByteRanges() }
    }
}
