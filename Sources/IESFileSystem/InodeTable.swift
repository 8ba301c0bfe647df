// SPDX-License-Identifier: Apache-2.0

/// The inodes that the kernel knows, and how often each was looked up.
///
/// An inode stays here until the kernel has given back every look-up it was counted for. The root is
/// always known and never counted.
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
    }

    private var inodes: [InodeNumber: Counted] = [:]

    /// Inodes other than the root.
    var count: Int { inodes.count }

    subscript(_ inode: InodeNumber) -> Record? { inodes[inode]?.record }

    func lookUps(of inode: InodeNumber) -> UInt64 { inodes[inode]?.lookUps ?? 0 }

    /// Counts one look-up. What was told of the inode before stays as it is.
    ///
    /// - Returns: What holds for the inode: the record of its first look-up.
    @discardableResult
    mutating func add(_ inode: InodeNumber, _ record: @autoclosure () -> Record) -> Record {
        guard inode != .root else { return record() }
        var counted = inodes[inode] ?? Counted(record: record(), lookUps: 0)
        counted.lookUps += 1
        inodes[inode] = counted
        return counted.record
    }

    /// Takes back look-ups. The kernel never gives back more than it was counted for; if it did, the inode
    /// would be forgotten all the same.
    mutating func forget(_ inode: InodeNumber, lookUps: UInt64) {
        guard let counted = inodes[inode] else { return }
        if counted.lookUps > lookUps {
            inodes[inode]?.lookUps = counted.lookUps - lookUps
        } else {
            inodes[inode] = nil
        }
    }
}
