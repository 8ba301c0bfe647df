// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// The file system: names, inodes, handles, attributes and errors; it knows nothing of FUSE.
///
/// Methods ending in `Now` answer from memory or the local index, or throw; nil means that the answer
/// needs the network or the disk: call the async method of the same name, on a task of its own.
/// Neither waits for the network on the caller's thread. Cancelling the task of an async method ends
/// it with EINTR.
package final class ResultFileSystem: Sendable {
    init() {}

    /// Looks up a name in a directory. Each success adds one look-up to the inode's count, which the
    /// kernel takes back through `forget`; do so yourself when the reply could not be delivered.
    package func lookUpNow(_ name: String, in parent: InodeNumber) throws(FileSystemError) -> Entry? {
        throw Self.toCome
    }

    /// As `lookUpNow`, asking the service where needed; ends by the deadline.
    package func lookUp(_ name: String, in parent: InodeNumber) async throws(FileSystemError) -> Entry {
        throw Self.toCome
    }

    /// Takes back `lookUps` of an inode's count.
    package func forget(_ inode: InodeNumber, lookUps: UInt64) {}

    /// What `stat` shows, and for how long the kernel may keep it.
    package func attributes(of inode: InodeNumber) throws(FileSystemError) -> (Attributes, Duration) {
        throw Self.toCome
    }

    /// Where a symbolic link points.
    package func readLink(_ inode: InodeNumber) throws(FileSystemError) -> String { throw Self.toCome }

    /// Opens a file.
    ///
    /// - Parameter writing: The flags ask for more than reading (O_WRONLY, O_RDWR, O_TRUNC, O_APPEND): EROFS.
    package func openNow(_ inode: InodeNumber, writing: Bool) throws(FileSystemError) -> OpenedFile? {
        throw Self.toCome
    }

    /// As `openNow`, asking the service where needed; ends by the deadline.
    package func open(_ inode: InodeNumber, writing: Bool) async throws(FileSystemError) -> OpenedFile {
        throw Self.toCome
    }

    /// Fills `buffer` from `offset`, in full up to the end of the file, and returns the count; nil
    /// when bytes are missing: call `prepareRead`, then this again.
    package func readNow(
        _ handle: HandleID, at offset: Int64, into buffer: inout MutableRawSpan
    ) throws(FileSystemError) -> Int? {
        throw Self.toCome
    }

    /// Waits until `readNow` can answer for these bytes.
    package func prepareRead(_ handle: HandleID, at offset: Int64, count: Int) async throws(FileSystemError) {
        throw Self.toCome
    }

    /// A descriptor of this handle was closed: with reads outstanding, their reader has left.
    package func flush(_ handle: HandleID) {}

    /// The last descriptor of this handle was closed. Harmless for a handle that is not open.
    package func release(_ handle: HandleID) {}

    /// Opens a directory: a snapshot of its names.
    package func openDirectoryNow(_ inode: InodeNumber) throws(FileSystemError) -> HandleID? {
        throw Self.toCome
    }

    /// As `openDirectoryNow`, asking the service for a project's tasks where needed.
    package func openDirectory(_ inode: InodeNumber) async throws(FileSystemError) -> HandleID {
        throw Self.toCome
    }

    /// Gives the names after `offset` (0 for all, else an entry's `nextOffset`), `.` and `..` included,
    /// until `visit` returns false, which means that this entry was not taken.
    package func readDirectory(
        _ handle: HandleID, from offset: UInt64, _ visit: (DirectoryEntry) -> Bool
    ) throws(FileSystemError) {
        throw Self.toCome
    }

    /// Adds one look-up for an entry whose full answer went into a READDIRPLUS reply; nothing for one without.
    package func remember(_ entry: DirectoryEntry) {}

    /// Closes a directory. Harmless for a handle that is not open.
    package func releaseDirectory(_ handle: HandleID) {}

    /// The value of an extended attribute; ENODATA when there is none. The caller applies the kernel's size rules.
    package func extendedAttribute(
        _ name: String, of inode: InodeNumber
    ) throws(FileSystemError) -> [UInt8] {
        throw Self.toCome
    }

    /// The names of the extended attributes that have a value.
    package func extendedAttributes(of inode: InodeNumber) throws(FileSystemError) -> [String] {
        throw Self.toCome
    }

    /// What `df` shows, from memory.
    package func statistics() -> FileSystemStatistics {
        FileSystemStatistics(blockSize: 4096, totalBlocks: 1, freeBlocks: 1, files: 1, maximumNameLength: 255)
    }

    /// Called, from any thread, when a name must be looked up again because its result changed. It must not wait.
    package var onInvalidEntry: @Sendable (_ parent: InodeNumber, _ name: String) -> Void {
        get { { _, _ in } }
        set { _ = newValue }
    }

    private static let toCome = FileSystemError(.ioError, "not there yet")
}
