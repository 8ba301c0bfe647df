// SPDX-License-Identifier: Apache-2.0

/// How full the cache is, and what it has been through since it was opened. All sizes are in bytes.
package struct CacheUsage: Hashable, Sendable {
    /// The configured limit.
    package var limit: Int64
    /// What the limit comes to while the disk must keep a part of itself free; at most `limit`.
    package var effectiveLimit: Int64
    /// Taken by blocks, and by parts of blocks, in whole pages of 4,096.
    package var used: Int64
    /// What the pinned results take once they are complete.
    package var pinned: Int64 = 0
    package var pinnedResults = 0
    /// Free on the disk, as last seen.
    package var diskFree: Int64
    /// How the disk is doing.
    package var disk: DiskState
    /// Taken by bytes on their way to the disk, or that it cannot hold now.
    package var memoryUsed: Int64
    package var memoryLimit: Int64
    /// Given up to make room.
    package var evicted: Int64
    /// Blocks whose checksum did not hold, and which were dropped.
    package var damagedBlocks: Int
    /// Blocks whose checksum was checked and held.
    package var verifiedBlocks: Int
    /// Times the index was set aside and begun anew.
    package var replacedIndexes: Int
}
