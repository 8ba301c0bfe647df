// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The inodes that the kernel may name.
extension TakeoverRecord {
    /// What an inode's number stands for, and what was told of it.
    package struct Inode: Hashable, Sendable {
        package var number: UInt64
        package var lookUps: UInt64
        package var size: Int64
        package var seconds: Int64
        package var nanoseconds: Int32
        package var path: String
        package var variant: String

        package init(
            number: UInt64, lookUps: UInt64, size: Int64, seconds: Int64, nanoseconds: Int32, path: String,
            variant: String
        ) {
            self.number = number
            self.lookUps = lookUps
            self.size = size
            self.seconds = seconds
            self.nanoseconds = nanoseconds
            self.path = path
            self.variant = variant
        }
    }

    /// Where an inode is kept.
    package struct InodeSlot: Hashable, Sendable { let offset: Int }

    /// Offsets in a slot; the number is set last, and is 0 in a free one.
    private enum Field {
        static let number = 0, lookUps = 8, size = 16, seconds = 24, lengths = 32, text = 40
    }

    /// Keeps an inode that the kernel is about to be told of; nil where there is no room, and then it is not kept.
    package func keep(_ inode: Inode) -> InodeSlot? {
        let path = Array(inode.path.utf8)
        let variant = Array(inode.variant.utf8)
        let length = Field.text + path.count + variant.count
        guard let offset = inodeSlots.take(length: length, in: memory) else { return nil }
        memory.setWord(offset + Field.lookUps, inode.lookUps)
        memory.setSigned(offset + Field.size, inode.size)
        memory.setSigned(offset + Field.seconds, inode.seconds)
        memory.setWord(
            offset + Field.lengths,
            UInt64(UInt32(bitPattern: inode.nanoseconds)) << 32 | UInt64(path.count) << 16 | UInt64(variant.count))
        memory.setBytes(offset + Field.text, path)
        memory.setBytes(offset + Field.text + path.count, variant)
        memory.setWord(offset + Field.number, inode.number)
        return InodeSlot(offset: offset)
    }

    package func setLookUps(_ count: UInt64, of slot: InodeSlot) {
        memory.setWord(slot.offset + Field.lookUps, count)
    }

    package func lookUps(of slot: InodeSlot) -> UInt64 { memory.word(slot.offset + Field.lookUps) }

    /// The kernel has forgotten the inode.
    package func forget(inode slot: InodeSlot) {
        memory.setWord(slot.offset + Field.number, 0)
        inodeSlots.giveBack(slot.offset)
    }

    package func inode(at slot: InodeSlot) -> Inode? {
        let offset = slot.offset
        let lengths = memory.word(offset + Field.lengths)
        let (path, variant) = (Int(lengths >> 16 & 0xffff), Int(lengths & 0xffff))
        let number = memory.word(offset + Field.number)
        guard number != 0, Field.text + path + variant <= inodeSlots.size(of: offset) else { return nil }
        return Inode(
            number: number, lookUps: memory.word(offset + Field.lookUps), size: memory.signed(offset + Field.size),
            seconds: memory.signed(offset + Field.seconds),
            nanoseconds: Int32(truncatingIfNeeded: Int64(bitPattern: lengths) >> 32),
            path: String(decoding: memory.bytes(offset + Field.text, path), as: UTF8.self),
            variant: String(decoding: memory.bytes(offset + Field.text + path, variant), as: UTF8.self))
    }

    /// Where each inode is that the last worker knew, by its number. To be called once, before any is kept.
    package func inheritInodes() -> [UInt64: InodeSlot] {
        var slots: [UInt64: InodeSlot] = [:]
        for offset in inodeSlots.inherit(from: memory) {
            let number = memory.word(offset + Field.number)
            if number == 0 || slots[number] != nil {
                memory.setWord(offset + Field.number, 0)
                inodeSlots.giveBack(offset)
            } else {
                slots[number] = InodeSlot(offset: offset)
            }
        }
        return slots
    }
}

/// Which places for inodes are free: two sizes, so that the usual ones take little.
final class InodeSlots: Sendable {
    private struct State {
        var usedSmall = 0
        var usedLarge = 0
        var freeSmall: [Int] = []
        var freeLarge: [Int] = []
    }

    private let room: RecordRoom
    private let state = Mutex(State())

    init(_ room: RecordRoom) { self.room = room }

    func size(of offset: Int) -> Int {
        room.isLarge(offset) ? RecordLayout.largeInodeSize : RecordLayout.smallInodeSize
    }

    /// The offset of a place for `length` bytes.
    func take(length: Int, in memory: SharedMemory) -> Int? {
        state.withLock { state in
            if length <= RecordLayout.smallInodeSize {
                if let free = state.freeSmall.popLast() { return free }
                guard let offset = room.smallInode(state.usedSmall) else { return nil }
                state.usedSmall += 1
                memory.setWord(RecordLayout.usedSmallInodes, UInt64(state.usedSmall))
                return offset
            }
            guard length <= RecordLayout.largeInodeSize else { return nil }
            if let free = state.freeLarge.popLast() { return free }
            guard let offset = room.largeInode(state.usedLarge) else { return nil }
            state.usedLarge += 1
            memory.setWord(RecordLayout.usedLargeInodes, UInt64(state.usedLarge))
            return offset
        }
    }

    func giveBack(_ offset: Int) {
        state.withLock { state in
            if room.isLarge(offset) {
                state.freeLarge.append(offset)
            } else {
                state.freeSmall.append(offset)
            }
        }
    }

    /// Takes over the places that were ever used, free or not, and returns their offsets.
    func inherit(from memory: SharedMemory) -> [Int] {
        state.withLock { state in
            state.usedSmall = Int(min(memory.word(RecordLayout.usedSmallInodes), UInt64(room.smallInodes)))
            state.usedLarge = Int(min(memory.word(RecordLayout.usedLargeInodes), UInt64(room.largeInodes)))
            return (0..<state.usedSmall).compactMap { room.smallInode($0) }
                + (0..<state.usedLarge).compactMap { room.largeInode($0) }
        }
    }
}
