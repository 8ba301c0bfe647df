// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
package import SystemPackage

/// A directory to mount on, judged from the mount table first, so that looking at it cannot hang.
package struct Mountpoint: Hashable, Sendable {
    /// Absolute and, but where an automount stands, free of symbolic links: as the mount table has it.
    package let path: FilePath
    /// An automount waits for this very mount: touching the path would wait for ourselves. `mount(2)` does not,
    /// as long as the process is in the process group of the one that autofs started.
    package let isAutomount: Bool
    /// The mount on top, if it is one of ours whose daemon has gone; `Mounter.mount` detaches it.
    package let dead: MountRecord?

    /// Checks that something can be mounted at `given`, which may be relative, without changing anything.
    package static func check(_ given: String) throws(MountError) -> Mountpoint {
        let table = try MountTable.current()
        let path = try located(given, in: table)
        let stack = table.mounts(at: path)
        let isAutomount = isAutomount(path, in: table)
        if let top = stack.last, !top.isAutomount {
            guard top.isOurs, DeadMountProbe.isDead(path) else { throw inUse(path, top) }
            return Mountpoint(path: path, isAutomount: isAutomount, dead: top)
        }
        if !isAutomount { try checkDirectory(path) }
        return Mountpoint(path: path, isAutomount: isAutomount, dead: nil)
    }

    /// Finds the path of an existing mount, or of one to be made, touching nothing that an automount guards.
    package static func located(_ given: String) throws(MountError) -> FilePath {
        try located(given, in: try MountTable.current())
    }

    private static func located(_ given: String, in table: MountTable) throws(MountError) -> FilePath {
        guard !given.isEmpty, !given.utf8.contains(0) else {
            throw MountError(.missing, "The mountpoint is empty. Give the path of a directory.")
        }
        var path = FilePath(given)
        if path.isRelative {
            guard let directory = getcwd(nil, 0) else {
                throw MountError(.missing, "The current directory has gone. Give the mountpoint as an absolute path.")
            }
            path = FilePath(platformString: directory).pushing(path)
            free(directory)
        }
        path.lexicallyNormalize()
        if isAutomount(path, in: table) { return path }
        guard let real = realpath(path.string, nil) else { throw unreachable(path, .current) }
        defer { free(real) }
        return FilePath(platformString: real)
    }

    /// True where an autofs is mounted at the path (a direct map, systemd) or holds it (an indirect map).
    static func isAutomount(_ path: FilePath, in table: MountTable) -> Bool {
        let walked = table.walk(to: path)
        return walked.last?.isAutomount == true || walked.contains { $0.isAutomount && $0.path == path }
    }

    private static func checkDirectory(_ path: FilePath) throws(MountError) {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw unreachable(path, .current) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw MountError(.notADirectory, "The mountpoint \(path) is not a directory.")
        }
        // One that we may not list is judged by the mount itself.
        guard let directory = opendir(path.string) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let isDots = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                name[0] == 0x2e && (name[1] == 0 || (name[1] == 0x2e && name[2] == 0))
            }
            if isDots { continue }
            throw MountError(
                .notEmpty, "The mountpoint \(path) is not empty, and its files would be hidden. Use an empty directory."
            )
        }
    }

    private static func unreachable(_ path: FilePath, _ error: Errno) -> MountError {
        switch error {
        case .noSuchFileOrDirectory:
            MountError(.missing, "The mountpoint \(path) does not exist. Create it first: mkdir -p \(path)")
        case .notDirectory:
            MountError(.notADirectory, "The mountpoint \(path) is not a directory.")
        case .permissionDenied:
            MountError(
                .notPermitted, "You may not reach the mountpoint \(path). Check the permissions on the way to it.")
        default:
            MountError(.failed, "The mountpoint \(path) cannot be used: \(error).")
        }
    }

    static func inUse(_ path: FilePath, _ record: MountRecord) -> MountError {
        let unmount = record.isOurs ? "iesfs unmount" : "umount"
        return MountError(
            .inUse,
            """
            The mountpoint \(path) is in use: \(record.source) of type \(record.type) is mounted there. \
            Unmount it first (\(unmount) \(path)), or use another directory.
            """)
    }
}

/// Tells whether a FUSE mount has lost its daemon.
enum DeadMountProbe {
    /// Asked in a process of its own: any question to a mount whose daemon hangs may wait unkillably, and that must
    /// not be us. One that has not answered in two seconds is alive in the sense that matters: not ours to detach.
    /// The question is statfs, because the kernel may answer stat of a dead mount from what it remembers.
    static func isDead(_ path: FilePath) -> Bool {
        let command = ChildCommand(name: "stat", arguments: ["-f", "-c", "%t", "--", path.string])
        guard let outcome = try? command.run(timeout: 2000), !outcome.succeeded else { return false }
        // ENOTCONN, and ECONNABORTED or ECONNREFUSED of a connection that was aborted or refused at its start.
        return [ENOTCONN, ECONNABORTED, ECONNREFUSED].contains { outcome.text.contains(String(cString: strerror($0))) }
    }
}
