// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Open files and directories.
extension TakeoverRecord {
    package enum HandleKind: UInt8, Sendable { case file = 1, text, directory }

    /// What the kernel has a handle for.
    package struct Handle: Hashable, Sendable {
        /// The slot's number, and above 32 bits the count of the slot's uses.
        package var number: UInt64
        package var kind: HandleKind
        package var inode: UInt64
        /// The number of the OPEN, without the mark of one that is sent again.
        package var request: UInt64
        /// What the kernel reads by itself; 0: the reads come to the worker.
        package var backing: Int32
        /// The number of the cached version; 0 for what has none.
        package var version: Int64

        package init(
            number: UInt64, kind: HandleKind, inode: UInt64, request: UInt64, backing: Int32 = 0, version: Int64 = 0
        ) {
            self.number = number
            self.kind = kind
            self.inode = inode
            self.request = request
            self.backing = backing
            self.version = version
        }
    }

    /// A slot of the table, as the last worker left it.
    package struct HandleSlot: Hashable, Sendable {
        /// The count of its uses: of the one that lasts, or of the next.
        package let use: UInt32
        /// Nil: it is free.
        package let handle: Handle?
        /// The kernel has closed the handle while no worker was there.
        package let isReleased: Bool
    }

    private enum State { static let free: UInt64 = 0, open: UInt64 = 1, released: UInt64 = 2 }

    /// Offsets in a slot: what it is (state, kind, backing), use, inode, request, version.
    private enum Field { static let head = 0, use = 8, inode = 16, request = 24, version = 32 }

    /// Keeps a handle that is about to be told to the kernel. One beyond the table's end is not kept.
    package func keep(_ handle: Handle) {
        let index = Int(handle.number & 0xffff_ffff)
        guard let slot = room.handle(index) else { return }
        memory.setWord(slot + Field.use, handle.number >> 32)
        memory.setWord(slot + Field.inode, handle.inode)
        memory.setWord(slot + Field.request, handle.request)
        memory.setSigned(slot + Field.version, handle.version)
        let head = UInt64(UInt32(bitPattern: handle.backing)) << 32 | UInt64(handle.kind.rawValue) << 8 | State.open
        memory.setWord(slot + Field.head, head)
        if memory.word(RecordLayout.usedHandles) <= UInt64(index) {
            memory.setWord(RecordLayout.usedHandles, UInt64(index) + 1)
        }
    }

    /// The handle is closed; its slot will have `nextUse`.
    package func forget(handle number: UInt64, nextUse: UInt32) {
        guard let slot = room.handle(Int(number & 0xffff_ffff)) else { return }
        memory.setWord(slot + Field.head, State.free)
        memory.setWord(slot + Field.use, UInt64(nextUse))
    }

    /// For whoever answers the kernel while there is no worker: the next one closes the handle.
    package func noteReleased(handle number: UInt64) {
        guard let slot = room.handle(Int(number & 0xffff_ffff)), memory.word(slot + Field.use) == number >> 32 else {
            return
        }
        let head = memory.word(slot + Field.head)
        if head & 0xff == State.open { memory.setWord(slot + Field.head, head & ~0xff | State.released) }
    }

    /// An OPEN is answered with an error, although a worker may have kept a handle for it: the kernel never knew that.
    ///
    /// - Parameter number: Of the OPEN, without the mark of one that is sent again.
    package func noteRefused(request number: UInt64) {
        let count = Int(min(memory.word(RecordLayout.usedHandles), UInt64(room.handles)))
        for slot in (0..<count).lazy.compactMap({ self.room.handle($0) }) {
            let head = memory.word(slot + Field.head)
            if head & 0xff == State.open, memory.word(slot + Field.request) == number {
                memory.setWord(slot + Field.head, head & ~0xff | State.released)
            }
        }
    }

    /// Every slot that was ever used, in order.
    package func handleSlots() -> [HandleSlot] {
        let count = Int(min(memory.word(RecordLayout.usedHandles), UInt64(room.handles)))
        return (0..<count).map { index in
            guard let slot = room.handle(index) else { preconditionFailure("there is room for all") }
            let head = memory.word(slot + Field.head)
            let use = UInt32(truncatingIfNeeded: max(1, memory.word(slot + Field.use)))
            guard head & 0xff != State.free, let kind = HandleKind(rawValue: UInt8(head >> 8 & 0xff)) else {
                return HandleSlot(use: use, handle: nil, isReleased: false)
            }
            let handle = Handle(
                number: UInt64(use) << 32 | UInt64(index), kind: kind, inode: memory.word(slot + Field.inode),
                request: memory.word(slot + Field.request),
                backing: Int32(truncatingIfNeeded: Int64(bitPattern: head) >> 32),
                version: memory.signed(slot + Field.version))
            return HandleSlot(use: use, handle: handle, isReleased: head & 0xff == State.released)
        }
    }
}
