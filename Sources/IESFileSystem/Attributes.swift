// SPDX-License-Identifier: Apache-2.0

/// The number by which the kernel knows a file, a directory or a link of the mount.
///
/// It follows from the path and, for a result, from the content's version, so it is the same after a
/// remount; two versions of one result never share a number.
package struct InodeNumber: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// FUSE_ROOT_ID: the directory of projects.
    package static let root = InodeNumber(rawValue: 1)

    package var description: String { String(rawValue) }
}

/// An open file or directory; never 0.
package struct HandleID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A moment of the wall clock: seconds since 1970 and 0 to 999,999,999 nanoseconds after them.
package struct FileTime: Hashable, Comparable, Sendable {
    package let seconds: Int64
    package let nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: FileTime, right: FileTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// What `stat` shows of an inode. Access and change time equal `modified`.
package struct Attributes: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case directory, file, symbolicLink }

    package let inode: InodeNumber
    package let kind: Kind
    /// The permission bits only, umask taken off: `0o444` at most for files, `0o555` for directories.
    package let permissions: UInt16
    package let links: UInt32
    package let userID: UInt32
    package let groupID: UInt32
    package let size: Int64
    package let modified: FileTime

    /// The size in units of 512 bytes, rounded up, whatever is cached: with fewer, `tar -S` would
    /// take the file for a hole.
    package var blocks: Int64 { (size + 511) / 512 }

    /// What `st_blksize` says. More than a page would make stdio fetch that much for one byte.
    package var blockSize: Int { 4096 }
}

/// The answer to a look-up: attributes, and for how long the kernel may keep them and the name.
package struct Entry: Hashable, Sendable {
    package let attributes: Attributes
    package let attributesTimeout: Duration
    package let entryTimeout: Duration
}

/// The answer to an open.
package struct OpenedFile: Hashable, Sendable {
    package let handle: HandleID
    /// FOPEN_DIRECT_IO: the text is made at the open and its size is not known before.
    package let directIO: Bool
    /// FOPEN_KEEP_CACHE: true for results, whose bytes never change under one inode.
    package let keepCache: Bool
    /// FOPEN_PASSTHROUGH: the kernel reads this file by itself.
    package var backing: BackingID?
}

/// What `statfs` shows: the cache, its limit as size and its use as used.
package struct FileSystemStatistics: Hashable, Sendable {
    package let blockSize: Int
    /// In blocks of `blockSize`; at least 1.
    package let totalBlocks: UInt64
    package let freeBlocks: UInt64
    package let files: UInt64
    package let maximumNameLength: Int
}
