// SPDX-License-Identifier: Apache-2.0

/// One name of a directory, as `readdir` gives it.
package struct DirectoryEntry: Sendable {
    package let name: String
    /// What `d_ino` says. For a result never seen it is the number its first version will have.
    package let inode: InodeNumber
    package let kind: Attributes.Kind
    /// Where to go on after this entry: 1 or more, the same in every handle and every run.
    package let nextOffset: UInt64
    /// The full answer for READDIRPLUS; nil for `.`, `..` and what has not been seen, which go out with
    /// node number 0. Once it is in a reply, pass this entry to `ResultFileSystem.remember`.
    package let entry: Entry?
    /// What the number stands for, where there is an `entry`.
    let record: InodeTable.Record?
}
