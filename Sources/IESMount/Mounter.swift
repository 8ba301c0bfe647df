// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// Mounts and unmounts: what the process that owns the mount does. It answers no request.
package enum Mounter {
    private static let device: FilePath = "/dev/fuse"

    /// Mounts, after detaching dead mounts of ours at that path, and returns the descriptor over which the kernel
    /// sends its requests: close-on-exec, the caller's to keep and close. Closing the last copy kills the mount.
    ///
    /// Root mounts itself, everybody else through fusermount3. Where `mountpoint` is an automount, call this in the
    /// process group in which the mount was asked for, that is before any `setsid`.
    package static func mount(_ request: MountRequest, at mountpoint: Mountpoint) throws(MountError) -> Int32 {
        var mountpoint = mountpoint
        // Each replaced mount may have another dead one below; a number no path reaches ends it.
        for _ in 0..<64 where mountpoint.dead != nil {
            try detach(mountpoint.path)
            mountpoint = try Mountpoint.check(mountpoint.path.string)
        }
        if let dead = mountpoint.dead { throw Mountpoint.inUse(mountpoint.path, dead) }
        return geteuid() == 0
            ? try mountDirectly(request, at: mountpoint.path)
            : try mountByHelper(request, at: mountpoint.path)
    }

    private static func mountDirectly(_ request: MountRequest, at path: FilePath) throws(MountError) -> Int32 {
        let descriptor = open(device.string, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw noDevice(.current) }
        let options =
            ["fd=\(descriptor)", "rootmode=40000", "user_id=\(getuid())", "group_id=\(getgid())"]
            + request.kernelOptions
        var flags = UInt(MS_RDONLY | MS_NOSUID | MS_NODEV)
        if request.forbidsExecution { flags |= UInt(MS_NOEXEC) }
        if Glibc.mount(request.source, path.string, MountRecord.ownType, flags, options.joined(separator: ",")) == 0 {
            return descriptor
        }
        let error = Errno.current
        close(descriptor)
        // Root without CAP_SYS_ADMIN, as in a container, may still have a set-user-id helper.
        if error == .notPermitted { return try mountByHelper(request, at: path) }
        throw refused(path, error)
    }

    private static func refused(_ path: FilePath, _ error: Errno) -> MountError {
        switch error {
        case .noSuchFileOrDirectory:
            MountError(.missing, "The mountpoint \(path) does not exist. Create it first: mkdir -p \(path)")
        case .notDirectory: MountError(.notADirectory, "The mountpoint \(path) is not a directory.")
        case Errno(rawValue: ENODEV):
            MountError(.noFUSE, "The kernel knows no FUSE file systems. Load the module: modprobe fuse")
        default: MountError(.failed, "Mounting on \(path) failed: \(error).")
        }
    }

    private static func noDevice(_ error: Errno) -> MountError {
        switch error {
        case .noSuchFileOrDirectory, Errno(rawValue: ENODEV), .noSuchAddressOrDevice:
            MountError(
                .noFUSE,
                "\(device) is missing. Load the module (modprobe fuse); give a container --device \(device).")
        case .permissionDenied, .notPermitted:
            MountError(
                .notPermitted,
                """
                \(device) may not be opened by this user. Allow it (chmod 666 \(device)); \
                give a container --device \(device) --cap-add SYS_ADMIN.
                """)
        default: MountError(.noFUSE, "\(device) cannot be opened: \(error).")
        }
    }

    /// fusermount3 opens the device, mounts as root and sends the descriptor over a socket (its own protocol with
    /// libfuse). Done here and not by libfuse, so that its words come back as an error and nothing is forked.
    private static func mountByHelper(_ request: MountRequest, at path: FilePath) throws(MountError) -> Int32 {
        if request.access != .owner, getuid() != 0, !FuseConfiguration.current().allowsOthers {
            throw MountError(
                .notPermitted,
                """
                The options allow_other and allow_root are not open to ordinary users here. \
                An administrator allows them with a line user_allow_other in \(FuseConfiguration.path).
                """)
        }
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw MountError(.failed, "Mounting failed: no socket for fusermount3: \(Errno.current).")
        }
        defer { close(ends[0]) }
        let command = ChildCommand(
            name: helper, arguments: ["-o", request.fusermountOptions, "--", path.string],
            inherited: (ends[1], "_FUSE_COMMFD"))
        let run = Result { () throws(Errno) in try command.run() }
        close(ends[1])
        let outcome = try run.mapError(noHelper).get()
        // The descriptor waits in the socket; without one, its end was closed and this does not block.
        let descriptor = ies_receive_descriptor(ends[0])
        guard descriptor >= 0 else { throw helperFailed("Mounting on \(path)", outcome?.text ?? "") }
        return descriptor
    }

    static let helper = "fusermount3"

    static func noHelper(_ error: Errno) -> MountError {
        error == .noSuchFileOrDirectory
            ? MountError(.noFUSE, "The program \(helper), which mounts for ordinary users, is missing. Install fuse3.")
            : MountError(.failed, "The program \(helper) cannot be started: \(error).")
    }

    /// Its own words, without the program's name in front of them.
    static func helperFailed(_ what: String, _ text: String) -> MountError {
        let line = text.split(separator: "\n").first.map(String.init) ?? "it gave no reason"
        let words = line.hasPrefix("\(helper): ") ? String(line.dropFirst(helper.utf8.count + 2)) : line
        if words.contains("open \(device)") {
            return noDevice(words.hasSuffix("Permission denied") ? .permissionDenied : .noSuchFileOrDirectory)
        }
        return MountError(
            words.hasSuffix("Device or resource busy") ? .busy : .failed, "\(what) failed: \(helper) says: \(words).")
    }
}
