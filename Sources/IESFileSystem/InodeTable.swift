// SPDX-License-Identifier: Apache-2.0

import IESTakeover

/// The inodes that the kernel knows, and how often each was looked up.
///
/// An inode stays here until the kernel has given back every look-up it was counted for. The root is
/// always known and never counted.
///
/// Each is kept in the mount's takeover record too, before the kernel is told of it. What an earlier worker kept there is
/// known here from the start. Its counts may be too high, where that worker died between counting and telling: such an
/// inode is remembered for longer than needed.
struct InodeTable: Sendable {
    struct Record: Hashable, Sendable {
        let node: Node
        /// Told once, then the same for as long as the kernel knows the inode.
        let size: Int64
        let modified: FileTime
    }

    private struct Counted: Sendable {
        let record: Record
        var lookUps: UInt64
        /// Nil: it is kept nowhere else.
        var slot: TakeoverRecord.InodeSlot?
    }

    private var inodes: [InodeNumber: Counted] = [:]
    /// Those of earlier workers that were not looked up or forgotten since.
    private var inherited: [InodeNumber: TakeoverRecord.InodeSlot] = [:]
    private let kept: TakeoverRecord?

    /// - Parameter kept: Where to keep the inodes, and where those of earlier workers are.
    init(_ kept: TakeoverRecord? = nil) {
        self.kept = kept
        for (number, slot) in kept?.inheritInodes() ?? [:] { inherited[InodeNumber(rawValue: number)] = slot }
    }

    /// Inodes other than the root.
    var count: Int { inodes.count + inherited.count }

    subscript(_ inode: InodeNumber) -> Record? {
        inodes[inode]?.record ?? inherited[inode].flatMap { kept?.inode(at: $0) }.flatMap(Record.init)
    }

    func lookUps(of inode: InodeNumber) -> UInt64 {
        inodes[inode]?.lookUps ?? inherited[inode].flatMap { kept?.lookUps(of: $0) } ?? 0
    }

    /// Counts one look-up. What was told of the inode before stays as it is.
    ///
    /// - Returns: What holds for the inode: the record of its first look-up.
    @discardableResult
    mutating func add(_ inode: InodeNumber, _ record: @autoclosure () -> Record) -> Record {
        guard inode != .root else { return record() }
        takeUp(inode)
        if var counted = inodes[inode] {
            counted.lookUps += 1
            inodes[inode] = counted
            if let slot = counted.slot { kept?.setLookUps(counted.lookUps, of: slot) }
            return counted.record
        }
        let record = record()
        inodes[inode] = Counted(record: record, lookUps: 1, slot: kept?.keep(record.kept(as: inode, lookUps: 1)))
        return record
    }

    /// Takes back look-ups. The kernel never gives back more than it was counted for; if it did, the inode
    /// would be forgotten all the same.
    mutating func forget(_ inode: InodeNumber, lookUps: UInt64) {
        takeUp(inode)
        guard let counted = inodes[inode] else { return }
        if counted.lookUps > lookUps {
            inodes[inode]?.lookUps = counted.lookUps - lookUps
            if let slot = counted.slot { kept?.setLookUps(counted.lookUps - lookUps, of: slot) }
        } else {
            inodes[inode] = nil
            if let slot = counted.slot { kept?.forget(inode: slot) }
        }
    }

    /// Makes an inherited inode one of ours.
    private mutating func takeUp(_ inode: InodeNumber) {
        guard let kept, let slot = inherited.removeValue(forKey: inode) else { return }
        guard let entry = kept.inode(at: slot), let record = Record(entry) else { return kept.forget(inode: slot) }
        inodes[inode] = Counted(record: record, lookUps: entry.lookUps, slot: slot)
    }
}

extension InodeTable.Record {
    /// Nil for what no version of this program wrote.
    init?(_ kept: TakeoverRecord.Inode) {
        guard let node = Node(path: kept.path, variant: kept.variant) else { return nil }
        self.init(
            node: node, size: kept.size, modified: FileTime(seconds: kept.seconds, nanoseconds: kept.nanoseconds))
    }

    func kept(as inode: InodeNumber, lookUps: UInt64) -> TakeoverRecord.Inode {
        TakeoverRecord.Inode(
            number: inode.rawValue, lookUps: lookUps, size: size, seconds: modified.seconds,
            nanoseconds: modified.nanoseconds, path: node.path, variant: node.variant)
    }
}
