// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import Testing

@testable import IESTakeover

@Suite struct TakeoverRecordTests {
    /// The record as the next worker sees it: by a descriptor of its own.
    private func next(_ record: TakeoverRecord) throws -> TakeoverRecord {
        try TakeoverRecord(descriptor: dup(record.descriptor))
    }

    private func inode(_ number: UInt64, path: String = "/p/t", variant: String = "version 0") -> TakeoverRecord.Inode {
        TakeoverRecord.Inode(
            number: number, lookUps: 1, size: 1 << 40, seconds: -5, nanoseconds: 999_999_999, path: path,
            variant: variant)
    }

    @Test func `what one worker keeps the next one finds`() throws {
        let record = try TakeoverRecord.create(seconds: 1_700_000_000, nanoseconds: 7)
        #expect(record.initMessages == nil)
        record.keepInit(request: [1, 2, 3], reply: [4, 5])
        record.generation = 3
        record.noteDeath("was killed", at: 42)
        let later = try next(record)
        #expect(later.started == (1_700_000_000, 7))
        #expect(try #require(later.initMessages) == ([1, 2, 3], [4, 5]))
        #expect(later.generation == 3)
        #expect(later.deaths == 1 && later.lastDeath == "was killed" && later.lastDeathTime == 42)
    }

    @Test func `memory of another version is refused with both numbers, and other memory too`() throws {
        let record = try TakeoverRecord.create()
        record.memory.setWord(RecordLayout.version, 77)
        #expect(throws: TakeoverError.version(77)) { try next(record) }
        record.memory.setWord(RecordLayout.magic, 0)
        #expect(throws: TakeoverError.version(0)) { try next(record) }
        let short = try SharedMemory.create(size: 4096, atLeast: 4096)
        #expect(throws: TakeoverError.memory(.invalidArgument)) {
            try TakeoverRecord(descriptor: dup(short.descriptor))
        }
    }

    @Test func `inodes and their counts outlive the worker, long names too`() throws {
        let record = try TakeoverRecord.create()
        let long = "/" + String(repeating: "p", count: 128) + "/" + String(repeating: "t", count: 128)
        let slot = try #require(record.keep(inode(7)))
        _ = try #require(record.keep(inode(8, path: long)))
        let gone = try #require(record.keep(inode(9)))
        record.setLookUps(5, of: slot)
        record.forget(inode: gone)

        let later = try next(record)
        let slots = later.inheritInodes()
        #expect(Set(slots.keys) == [7, 8])
        var seven = inode(7)
        seven.lookUps = 5
        #expect(later.inode(at: try #require(slots[7])) == seven)
        #expect(later.inode(at: try #require(slots[8])) == inode(8, path: long))
        // The place that became free is used before a new one.
        #expect(later.keep(inode(10)) == gone)
    }

    @Test func `a name too long for any place is not kept, and takes none`() throws {
        let record = try TakeoverRecord.create()
        #expect(record.keep(inode(7, path: String(repeating: "x", count: 1000))) == nil)
        #expect(try next(record).inheritInodes().isEmpty)
    }

    @Test func `nothing in the record leads out of its places`() throws {
        let record = try TakeoverRecord.create()
        let slot = try #require(record.keep(inode(7)))
        record.memory.setWord(slot.offset + 32, .max)
        record.memory.setWord(RecordLayout.initLengths, .max)
        record.memory.setWord(RecordLayout.usedHandles, .max)
        let later = try next(record)
        #expect(later.inode(at: try #require(later.inheritInodes()[7])) == nil)
        #expect(later.initMessages == nil)
        #expect(later.handleSlots().count == RecordRoom.most.handles)
    }

    /// Where a limit on the size of files leaves little room, or none to speak of.
    @Test(arguments: [RecordLayout.leastSize, 1 << 20, 20_000_000, RecordLayout.size, RecordLayout.size + 4096])
    func `places do not overlap, and none is beyond the file's end`(fileSize: Int) throws {
        let room = RecordRoom(fileSize: fileSize)
        #expect(room.handles >= 256 && room.smallInodes >= 1000 && room.largeInodes >= 64)
        let ends = [room.handles, room.smallInodes, room.largeInodes].map { $0 - 1 }
        let last = [room.handle(ends[0]), room.smallInode(ends[1]), room.largeInode(ends[2])].compactMap { $0 }
        let first = [room.handle(0), room.smallInode(0), room.largeInode(0)].compactMap { $0 }
        #expect(first[0] == RecordLayout.tables && first[1] >= last[0] + 64 && first[2] >= last[1] + 192)
        #expect(last[2] + 640 <= fileSize)
        #expect(room.handle(ends[0] + 1) == nil && room.smallInode(ends[1] + 1) == nil)
        #expect(room.largeInode(ends[2] + 1) == nil && room.isLarge(first[2]) && !room.isLarge(last[1]))
    }

    @Test func `in a small record the first inodes and handles are kept, and the others not`() throws {
        let memory = try SharedMemory.create(size: RecordLayout.leastSize, atLeast: RecordLayout.leastSize)
        memory.setWord(RecordLayout.version, TakeoverRecord.version)
        memory.setWord(RecordLayout.magic, RecordLayout.magicValue)
        let record = try TakeoverRecord(descriptor: dup(memory.descriptor))
        let kept = (1...5_000 as ClosedRange<UInt64>).count { record.keep(inode($0)) != nil }
        #expect(kept == RecordRoom(fileSize: RecordLayout.leastSize).smallInodes)
        for number in 0..<5_000 as Range<UInt64> {
            record.keep(TakeoverRecord.Handle(number: 1 << 32 | number, kind: .file, inode: 7, request: number + 1))
        }
        let later = try next(record)
        #expect(later.inheritInodes().count == kept)
        #expect(later.handleSlots().count == RecordRoom(fileSize: RecordLayout.leastSize).handles)
    }

    @Test func `handles outlive the worker, and a slot's count of uses goes on`() throws {
        let record = try TakeoverRecord.create()
        let open = TakeoverRecord.Handle(
            number: 3 << 32 | 1, kind: .file, inode: 7, request: 1234, backing: 5, version: -9)
        record.keep(TakeoverRecord.Handle(number: 1 << 32 | 0, kind: .directory, inode: 1, request: 2))
        record.keep(open)
        record.forget(handle: 1 << 32 | 0, nextUse: 2)
        let slots = try next(record).handleSlots()
        #expect(slots.map(\.use) == [2, 3])
        #expect(slots.map(\.handle) == [nil, open])
    }

    @Test func `a handle that was closed while there was no worker is told as such, and only the one that was meant`()
        throws
    {
        let record = try TakeoverRecord.create()
        for slot in 0..<3 as Range<UInt64> {
            record.keep(TakeoverRecord.Handle(number: 5 << 32 | slot, kind: .file, inode: 7, request: slot + 1))
        }
        record.noteReleased(handle: 5 << 32 | 1)
        // An earlier use of the slot.
        record.noteReleased(handle: 4 << 32 | 2)
        record.noteReleased(handle: .max)
        #expect(record.handleSlots().map(\.isReleased) == [false, true, false])
    }

    @Test func `a handle whose open was refused after all is told as closed`() throws {
        let record = try TakeoverRecord.create()
        for slot in 0..<3 as Range<UInt64> {
            record.keep(TakeoverRecord.Handle(number: 5 << 32 | slot, kind: .file, inode: 7, request: slot + 100))
        }
        record.noteRefused(request: 101)
        record.noteRefused(request: 7)
        #expect(record.handleSlots().map(\.isReleased) == [false, true, false])
        mark(record, [102])
        _ = record.takeMarks(suspected: true)
        mark(record, [102])
        #expect(record.takeMarks(suspected: true) == [102])
        #expect(record.handleSlots().map(\.isReleased) == [false, true, true])
    }

    // MARK: Requests that workers die of

    private func mark(_ record: TakeoverRecord, _ requests: [UInt64]) {
        for (index, request) in requests.enumerated() {
            record.memory.setWord(RecordLayout.marks + index * RecordLayout.markSize, request)
        }
    }

    @Test func `a request that was worked on at two suspicious deaths is given up`() throws {
        let record = try TakeoverRecord.create()
        mark(record, [10, 11])
        #expect(record.takeMarks(suspected: true).isEmpty)
        mark(record, [12, 10])
        #expect(record.takeMarks(suspected: true) == [10])
        #expect(record.memory.word(RecordLayout.poisoned) == 10)
        #expect(record.marks.allSatisfy { $0.request == 0 })
        // The others have not been worked on twice.
        mark(record, [11])
        #expect(record.takeMarks(suspected: true).isEmpty)
    }

    @Test func `deaths that were not the worker's fault suspect no request`() throws {
        let record = try TakeoverRecord.create()
        for _ in 0..<5 {
            mark(record, [10])
            #expect(record.takeMarks(suspected: false).isEmpty)
        }
        mark(record, [10])
        #expect(record.takeMarks(suspected: true).isEmpty)
    }
}
