// SPDX-License-Identifier: Apache-2.0

/// Why something could not be mounted or unmounted: a sentence that says what to do.
package struct MountError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The mountpoint does not exist.
        case missing
        case notADirectory
        case notEmpty
        /// Something is mounted there already.
        case inUse
        /// Nothing of ours is mounted there.
        case notMounted
        /// Open files or working directories hold the mount.
        case busy
        case notPermitted
        /// The machine has no FUSE, or this process may not use it.
        case noFUSE
        case failed
    }

    package let reason: Reason
    /// One or two sentences for the person who typed the command.
    package let description: String

    package init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}
