// SPDX-License-Identifier: Apache-2.0

/// The number by which the kernel knows a file that it reads by itself; above 0 (FUSE_DEV_IOC_BACKING_OPEN).
package struct BackingID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }
}

/// How each inode is open: through the page cache, or passed through to a backing file.
///
/// The kernel refuses (EIO) an open in another mode than those that are still open, and another backing file than theirs
/// (fs/fuse/iomode.c). An open counts from its decision to its release, which is longer than the kernel counts it.
struct OpenModes: Sendable {
    private struct Opens: Sendable {
        /// Nil: through the page cache.
        let backing: BackingID?
        var count: Int
    }

    private var inodes: [InodeNumber: Opens] = [:]

    /// Inodes that are passed through.
    var passedThrough: Int { inodes.values.count { $0.backing != nil } }

    /// What the inode is passed through to; nil if it is not.
    func backing(of inode: InodeNumber) -> BackingID? { inodes[inode]?.backing }

    /// Counts one more open, in the mode of those that are open.
    ///
    /// - Parameter register: Asked if there are none: what to pass the inode through to.
    /// - Returns: The backing file of this open; nil: through the page cache.
    mutating func open(_ inode: InodeNumber, register: () -> BackingID?) -> BackingID? {
        let opens = inodes[inode] ?? Opens(backing: register(), count: 0)
        inodes[inode] = Opens(backing: opens.backing, count: opens.count + 1)
        return opens.backing
    }

    /// Counts an open of an earlier worker, in the mode it was made in.
    mutating func inherit(_ inode: InodeNumber, backing: BackingID?) {
        let opens = inodes[inode] ?? Opens(backing: backing, count: 0)
        inodes[inode] = Opens(backing: opens.backing, count: opens.count + 1)
    }

    /// Takes one open back.
    ///
    /// - Returns: The backing file that nobody needs any more.
    mutating func release(_ inode: InodeNumber) -> BackingID? {
        guard let opens = inodes[inode] else { return nil }
        guard opens.count == 1 else {
            inodes[inode] = Opens(backing: opens.backing, count: opens.count - 1)
            return nil
        }
        inodes[inode] = nil
        return opens.backing
    }
}
