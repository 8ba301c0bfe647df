// SPDX-License-Identifier: Apache-2.0

import CFuse3

/// What is agreed with the kernel when a connection begins.
extension Bridge {
    static func configure(_ connection: inout fuse_conn_info) {
        connection.max_read = UInt32(MountRequest.maximumRead)
        connection.max_readahead = min(connection.max_readahead, UInt32(MountRequest.maximumRead))
        // Buffered reads are background requests: with the default of 12, as many that stall stop every other one.
        connection.max_background = 65535
        connection.congestion_threshold = 65535
        connection.time_gran = 1

        var wishes = Capabilities(rawValue: connection.want)
        // With AUTO_INVAL_DATA a changed mtime during a stalled read leaves `stat` waiting unkillably.
        // Without the two locks the kernel keeps flock(2) and fcntl(2) locks itself, as on a local disk.
        // The splices are slower than our resident buffers for these replies, and custom I/O has none.
        wishes.subtract([
            .invalidatesAutomatically, .recordLocks, .wholeFileLocks, .splicesReplies, .movesReplies, .splicesRequests,
        ])
        // A link's number follows from its target, so what the kernel keeps of one is never out of date.
        wishes.formUnion([
            .readsAsynchronously, .parallelDirectoryOperations, .fullDirectories, .fullDirectoriesWhereUseful,
            .invalidatesExplicitly, .cachesLinks,
        ])
        // EXPORT_SUPPORT stays off: NFS would look up "." in inodes that were forgotten.
        connection.want = wishes.intersection(Capabilities(rawValue: connection.capable)).rawValue
    }
}

/// FUSE_CAP_…, whose values Swift does not import alike from every version of libfuse.
struct Capabilities: OptionSet {
    let rawValue: UInt32

    static let readsAsynchronously = Capabilities(rawValue: 1 << 0)
    static let recordLocks = Capabilities(rawValue: 1 << 1)
    static let splicesReplies = Capabilities(rawValue: 1 << 7)
    static let movesReplies = Capabilities(rawValue: 1 << 8)
    static let splicesRequests = Capabilities(rawValue: 1 << 9)
    static let wholeFileLocks = Capabilities(rawValue: 1 << 10)
    static let invalidatesAutomatically = Capabilities(rawValue: 1 << 12)
    static let fullDirectories = Capabilities(rawValue: 1 << 13)
    static let fullDirectoriesWhereUseful = Capabilities(rawValue: 1 << 14)
    static let parallelDirectoryOperations = Capabilities(rawValue: 1 << 18)
    static let cachesLinks = Capabilities(rawValue: 1 << 23)
    static let invalidatesExplicitly = Capabilities(rawValue: 1 << 25)
}
