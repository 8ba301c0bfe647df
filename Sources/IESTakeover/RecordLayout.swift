// SPDX-License-Identifier: Apache-2.0

/// Where what stands in a `TakeoverRecord`, in bytes. Whoever changes any of it changes the version.
enum RecordLayout {
    /// "iesfs" and three zeros, as a little-endian number.
    static let magicValue: UInt64 = 0x73_66_73_65_69
    static let magic = 0
    static let version = 8

    /// How many slots of each table were ever used.
    static let usedHandles = 24
    static let usedSmallInodes = 32
    static let usedLargeInodes = 40

    /// INIT: the two lengths in one word, which is set last; then the bytes.
    static let initLengths = 64
    static let initRequest = 128
    static let initReply = 384
    static let initRoom = 256

    static let startedSeconds = 640
    static let startedNanoseconds = 648
    static let generation = 656
    static let deaths = 664
    static let lastDeathTime = 672
    static let heartbeat = 680
    static let upgrades = 688
    static let failedUpgrades = 696
    static let lastDeath = 704
    static let lastUpgrade = 960
    static let textRoom = 256

    /// Requests that are not to be tried again, by their numbers.
    static let poisoned = 1_216
    static let mostPoisoned = 8
    /// Pairs of a request's number and of the deaths during which it was worked on.
    static let suspects = 1_280
    static let mostSuspects = 64

    /// What each thread works on: the request's number, 0 for none, and a count of its requests. A cache line each.
    static let marks = 4_096
    static let mostMarks = 64
    static let markSize = 64

    static let tables = 8_192
    static let handleSize = 64
    static let smallInodeSize = 192
    /// A path has at most 393 bytes, a variant 128.
    static let largeInodeSize = 640

    /// Of a record with the most room. Pages that were never written take no memory.
    static let size = RecordRoom.most.end
    /// Some hundred files: less is not worth having.
    static let leastSize = 256 << 10
}

/// How many there is room for in a record, and where: all tables shrink alike with the file.
struct RecordRoom: Hashable, Sendable {
    let handles: Int
    let smallInodes: Int
    let largeInodes: Int

    static let most = RecordRoom(handles: 1 << 20, smallInodes: 1 << 22, largeInodes: 1 << 18)

    private init(handles: Int, smallInodes: Int, largeInodes: Int) {
        (self.handles, self.smallInodes, self.largeInodes) = (handles, smallInodes, largeInodes)
    }

    /// - Parameter fileSize: Of the record, in bytes.
    init(fileSize: Int) {
        let room = max(0, min(fileSize, RecordLayout.size) - RecordLayout.tables)
        let all = RecordLayout.size - RecordLayout.tables
        func part(_ count: Int) -> Int { Int((Double(count) * Double(room) / Double(all)).rounded(.down)) }
        self.init(
            handles: part(Self.most.handles), smallInodes: part(Self.most.smallInodes),
            largeInodes: part(Self.most.largeInodes))
    }

    /// Nil beyond the end.
    func handle(_ index: Int) -> Int? {
        index < handles ? RecordLayout.tables + index * RecordLayout.handleSize : nil
    }

    func smallInode(_ index: Int) -> Int? {
        index < smallInodes ? firstSmallInode + index * RecordLayout.smallInodeSize : nil
    }

    func largeInode(_ index: Int) -> Int? {
        index < largeInodes ? firstLargeInode + index * RecordLayout.largeInodeSize : nil
    }

    func isLarge(_ inode: Int) -> Bool { inode >= firstLargeInode }

    private var firstSmallInode: Int { RecordLayout.tables + handles * RecordLayout.handleSize }
    private var firstLargeInode: Int { firstSmallInode + smallInodes * RecordLayout.smallInodeSize }
    fileprivate var end: Int { firstLargeInode + largeInodes * RecordLayout.largeInodeSize }
}
