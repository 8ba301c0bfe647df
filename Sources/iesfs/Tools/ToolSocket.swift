// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESMount

/// Where a mount's tool socket is, and who may use it: root, and the user who mounted.
///
/// It is not the control socket between a holder and its worker: commands of people come here.
enum ToolSocket {
    /// The places where a user's mounts may have their sockets, the first one preferred.
    static func directories(of user: UInt32, environment: [String: String] = [:]) -> [String] {
        if user == 0 { return ["/run/iesfs"] }
        let ownPlace = environment["XDG_RUNTIME_DIR"].flatMap { $0.hasPrefix("/") ? "\($0)/iesfs" : nil }
        let places = [ownPlace, "/run/user/\(user)/iesfs", "/tmp/iesfs-\(user)"].compactMap { $0 }
        return places.enumerated().filter { places.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    }

    /// Names the socket by the kernel's number of the mount, which no two have at a time.
    static func name(of device: MountRecord.Device) -> String { "\(device.major)-\(device.minor).tools" }

    /// Creates the directory, mode 0700, if there is a place for it, and refuses one that is not this user's own.
    static func prepareDirectory(environment: [String: String]) throws(ProgramError) -> String {
        let user = CurrentUser.id
        for directory in directories(of: user, environment: environment) {
            if mkdir(directory, 0o700) != 0, errno != EEXIST { continue }
            var status = stat()
            guard lstat(directory, &status) == 0 else { continue }
            guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == user, chmod(directory, 0o700) == 0 else {
                throw ProgramError("\(directory) is not a directory of this user's own")
            }
            return directory
        }
        throw ProgramError("no directory for it can be created")
    }

    /// A socket that listens at `path`, mode 0600, in the place of one that was left behind.
    static func listen(at path: String) throws(ProgramError) -> Int32 {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw ProgramError("no socket: \(CurrentError.text)") }
        unlink(path)
        let isBound = withAddress(path) { bind(descriptor, $0, $1) == 0 }
        guard isBound, chmod(path, 0o600) == 0, Glibc.listen(descriptor, 16) == 0 else {
            let reason = CurrentError.text
            close(descriptor)
            throw ProgramError("\(path) cannot be used: \(reason)")
        }
        return descriptor
    }

    /// The inode's number; nil if there is none.
    static func identity(of path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// A connection to the worker of `mount`.
    static func connect(to mount: MountRecord) throws(ProgramError) -> Int32 {
        let owner = mount.owner ?? 0
        guard CurrentUser.isRoot || CurrentUser.id == owner else {
            throw ProgramError("only root and the user who mounted \(mount.path) (\(owner)) may do this")
        }
        let environment = CurrentUser.id == owner ? ProcessEnvironment.current : [:]
        for directory in directories(of: owner, environment: environment) {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw ProgramError("no socket: \(CurrentError.text)") }
            let path = "\(directory)/\(name(of: mount.device))"
            // Whoever else may have put a socket there gets nothing to read.
            if withAddress(path, { Glibc.connect(descriptor, $0, $1) == 0 }),
                [owner, 0].contains(ies_peer_user(descriptor))
            {
                return descriptor
            }
            close(descriptor)
        }
        throw ProgramError(
            "the mount at \(mount.path) does not take commands: its daemon has gone, or is one of an older version")
    }

    /// False where the path is too long for an address.
    static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { field in
            guard bytes.count < field.count else { return false }
            field.copyBytes(from: bytes)
            return true
        }
        guard fits else {
            errno = ENAMETOOLONG
            return false
        }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
