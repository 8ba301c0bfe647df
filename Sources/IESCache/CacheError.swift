// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Why the cache could not do what was asked of it.
package enum CacheError: Error, Hashable, Sendable {
    /// Someone else uses the cache directory; `owner` says who, in words.
    case inUse(directory: FilePath, owner: String)
    /// The cache directory cannot be used as it is; `reason` is a clause that says why and what mends it.
    case unusable(directory: FilePath, reason: String)
    /// The cache's disk is full, or the user's quota on it.
    case full(path: FilePath)
    /// The cache is full of what must stay, or its disk is being passed by.
    case noRoom
    /// Bytes of a result that comes only as a whole were pushed out, again and again, before they could be read.
    case tooSmall(size: Int64, limit: Int64)
    /// A result, or a body of unknown length so far, is larger than the whole cache may be.
    case tooLarge(size: Int64, limit: Int64)
    /// With this result, what is pinned would take more than may be pinned.
    case pinsFull(size: Int64, pinned: Int64, limit: Int64)
    /// The cache's disk failed at `operation`.
    case disk(operation: String, path: FilePath, errno: Errno)
    /// The index failed, and could not be begun anew either.
    case index(reason: String)
    /// The cache has been closed.
    case closed
}

extension CacheError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .inUse(let directory, let owner):
            "The cache directory \(directory) is in use by \(owner). Give each mount a cache directory of its own."
        case .unusable(let directory, let reason):
            "The cache directory \(directory) cannot be used: \(reason)."
        case .full(let path):
            "The disk under the cache is full (at \(path))."
        case .noRoom:
            "The cache has no room: all that it holds is in use, or its disk fails."
        case .tooSmall(let size, let limit):
            "The service sends this result of \(size) bytes only as a whole, and the cache of \(limit) bytes loses it while it "
                + "is read. A larger cache_size is needed."
        case .tooLarge(let size, let limit):
            "\(size) bytes do not fit into a cache of \(limit) bytes."
        case .pinsFull(let size, let pinned, let limit):
            "A result of \(size) bytes cannot be pinned: \(limit) bytes of the cache may be, and \(pinned) are already. Take "
                + "pins back with 'iesfs evict --unpin', or use a larger cache_size."
        case .disk(let operation, let path, let errno):
            "The cache could not \(operation) \(path): \(errno)."
        case .index(let reason):
            "The cache's index failed: \(reason)."
        case .closed:
            "The cache has been closed."
        }
    }
}

extension CacheError {
    /// The error for `errno` from a call on `path`: a full disk is told apart from a failing one.
    static func failed(to operation: String, _ path: FilePath, _ errno: Errno) -> CacheError {
        switch errno {
        case .noSpace, .diskQuotaExceeded: .full(path: path)
        default: .disk(operation: operation, path: path, errno: errno)
        }
    }
}
