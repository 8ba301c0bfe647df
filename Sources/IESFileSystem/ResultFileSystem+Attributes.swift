// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import Synchronization
import SystemPackage

extension ResultFileSystem {
    /// What `stat` shows, and for how long the kernel may keep it.
    package func attributes(of inode: InodeNumber) throws(FileSystemError) -> (Attributes, Duration) {
        let entry = entry(try record(of: inode), inode)
        return (entry.attributes, entry.attributesTimeout)
    }

    /// Where a symbolic link points.
    package func readLink(_ inode: InodeNumber) throws(FileSystemError) -> String {
        guard case .link(_, _, let target) = try record(of: inode).node else {
            throw FileSystemError(.invalidArgument, "Only symbolic links point somewhere.")
        }
        return LinkDirectories.destination(target)
    }

    /// What `df` shows, from memory.
    package func statistics() -> FileSystemStatistics {
        let usage = cache.usage()
        let blockSize: Int64 = 4096
        // Some programs refuse to work where a file system has no size or no room at all.
        let total = max(1, usage.limit / blockSize)
        let free = max(1, (usage.limit - usage.used) / blockSize)
        return FileSystemStatistics(
            blockSize: Int(blockSize), totalBlocks: UInt64(total), freeBlocks: UInt64(min(free, total)),
            files: UInt64(max(1, inodes.withLock { $0.count })), maximumNameLength: 255)
    }

    /// The answer for an inode, as it was first described.
    func entry(_ record: InodeTable.Record, _ inode: InodeNumber) -> Entry {
        let timeout = keepingTime(record.node)
        return Entry(attributes: attributes(record, inode), attributesTimeout: timeout, entryTimeout: timeout)
    }

    /// How long the kernel may keep a name and its attributes without asking.
    private func keepingTime(_ node: Node) -> Duration {
        switch node {
        case .result: FileSystemSettings.resultTimeout
        case .root, .project, .links, .link, .statusDirectory: settings.listTTL
        case .refused, .status: .zero
        }
    }

    private func attributes(_ record: InodeTable.Record, _ inode: InodeNumber) -> Attributes {
        let (kind, node) = (record.node.kind, record.node)
        let most: UInt16 =
            switch kind {
            case .directory: 0o555
            case .file: 0o444
            case .symbolicLink: 0o777
            }
        return Attributes(
            inode: inode, kind: kind, permissions: kind == .symbolicLink ? most : most & ~settings.umask,
            links: links(of: node), userID: settings.userID, groupID: settings.groupID,
            size: size(of: record), modified: modified(record))
    }

    private func links(of node: Node) -> UInt32 {
        switch node {
        // `find` takes a directory with two links for one without sub-directories. One link promises nothing.
        case .root: 1
        case .project, .links, .statusDirectory: 2
        case .link, .result, .refused, .status: 1
        }
    }

    private func size(of record: InodeTable.Record) -> Int64 {
        guard case .status(let file) = record.node else { return record.size }
        return Int64(text(of: file).count)
    }

    private func modified(_ record: InodeTable.Record) -> FileTime {
        switch record.node {
        case .project(let project): lists.changed(project) ?? record.modified
        case .status: settings.now()
        default: record.modified
        }
    }
}
