// SPDX-License-Identifier: Apache-2.0

/// What the cache takes and may take, in bytes: a value that looks at no disk.
struct SpaceAccount: Sendable {
    /// What the configuration allows.
    let limit: Int64
    /// What is left free of the disk.
    let keptFree: Int64
    private(set) var used: Int64
    private(set) var free: Int64
    private var usedAtLook: Int64
    /// Reserved since the disk was looked at.
    private(set) var sinceLook: Int64 = 0

    init(limit: Int64, keptFree: Int64, used: Int64, free: Int64) {
        self.limit = limit
        self.keptFree = keptFree
        self.used = used
        self.free = free
        usedAtLook = used
    }

    /// What it may take now: less than `limit` where the disk has to keep a part of itself free.
    var effectiveLimit: Int64 { max(0, min(limit, usedAtLook + free - keptFree)) }

    /// False, and nothing reserved, if that would be more than it may take.
    mutating func reserve(_ count: Int64) -> Bool {
        guard used + count <= effectiveLimit else { return false }
        used += count
        sinceLook += count
        return true
    }

    mutating func release(_ count: Int64) { used -= count }

    /// The disk has `free` bytes left.
    mutating func look(free: Int64) {
        self.free = free
        usedAtLook = used
        sinceLook = 0
    }
}
