// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Keeps a cache directory to one user: a flock on a file in it, which also says who that is.
package enum CacheLock {
    /// Creates the directory where absent, and locks it; `owner` is what a second user is told besides the process
    /// number. The lock lasts as long as the descriptor is open in any process; it is close-on-exec.
    package static func acquire(_ directory: FilePath, owner: String) throws(CacheError) -> FileDescriptor {
        preconditionFailure("TODO")
    }
}
