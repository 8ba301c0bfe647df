// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

extension Mounter {
    /// Unmounts what is at `path`, as `Mountpoint.located` gave it: the kernel first, then fusermount3.
    ///
    /// - Parameter lazily: Also a mount in use: it goes out of sight at once, and for good when its last user leaves.
    /// - Throws: `.busy` while files there are open.
    package static func unmount(_ path: FilePath, lazily: Bool = false) throws(MountError) {
        guard let record = try MountTable.current().mount(at: path), !record.isAutomount else {
            throw MountError(.notMounted, "Nothing is mounted at \(path).")
        }
        guard record.isOurs else {
            throw MountError(
                .notMounted, "The mount at \(path) is not of iesfs but of type \(record.type). Use umount \(path).")
        }
        if let owner = record.owner, geteuid() != 0, owner != getuid() {
            throw MountError(
                .notPermitted,
                "The mount at \(path) belongs to the user with number \(owner). Only that user and root may unmount it."
            )
        }
        try remove(path, lazily: lazily)
    }

    /// As `unmount`, trying again for `timeout` while the mount is in use.
    ///
    /// - Parameter aborts: Then the connection is ended, which fails every call that waits, and the mount is detached.
    package static func unmount(_ path: FilePath, within timeout: Duration, aborts: Bool) throws(MountError) {
        let clock = ContinuousClock()
        let end = clock.now + timeout
        while true {
            do throws(MountError) {
                try unmount(path)
                return
            } catch  where error.reason == .busy {
                if clock.now < end {
                    usleep(50_000)
                    continue
                }
                guard aborts else { throw error }
                // Unmounting goes on without it: what waits in the kernel then waits until the daemon has gone.
                try? FuseConnection(at: path).abort()
                try unmount(path, lazily: true)
                return
            }
        }
    }

    /// Takes a dead mount away, whoever holds files there.
    static func detach(_ path: FilePath) throws(MountError) { try remove(path, lazily: true) }

    private static func remove(_ path: FilePath, lazily: Bool) throws(MountError) {
        if umount2(path.string, Int32(UMOUNT_NOFOLLOW) | (lazily ? Int32(MNT_DETACH) : 0)) == 0 {
            return
        }
        switch Errno.current {
        case .resourceBusy: throw busy(path)
        case .invalidArgument, .noSuchFileOrDirectory:
            throw MountError(.notMounted, "Nothing is mounted at \(path).")
        case .notPermitted: try removeByHelper(path, lazily: lazily)
        case let error: throw MountError(.failed, "Unmounting \(path) failed: \(error).")
        }
    }

    private static func removeByHelper(_ path: FilePath, lazily: Bool) throws(MountError) {
        let command = ChildCommand(
            name: helper, arguments: ["-u"] + (lazily ? ["-z"] : []) + ["--", path.string])
        let outcome = try Result { () throws(Errno) in try command.run() }.mapError(noHelper).get()
        guard let outcome, !outcome.succeeded else { return }
        let error = helperFailed("Unmounting \(path)", outcome.text)
        throw error.reason == .busy ? busy(path) : error
    }

    private static func busy(_ path: FilePath) -> MountError {
        MountError(
            .busy,
            """
            \(path) is in use: a program has files open there, or its working directory. \
            Find it with fuser -vm \(path); iesfs unmount --abort \(path) ends the mount all the same.
            """)
    }
}
