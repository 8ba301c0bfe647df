// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import SystemPackage

/// The layout of a cache directory, and the rules by which one is taken.
///
///     CACHEDIR.TAG        tells backup programs to pass by (https://bford.info/cachedir/)
///     format              the number of the layout
///     lock                flocked by the user of the directory; says who that is
///     index.sqlite        what is known
///     data/4f/…4f         one sparse file per version, named by its random number, its last byte in front
///     set-aside/TIME/     an index that could not be used, with its data
package struct CacheDirectory: Sendable {
    static let format = "iesfs cache, format 1\n"
    private static let tag = """
        Signature: 8a477f597d28d172789f06886806bc55
        # This file is a cache directory tag created by iesfs.
        # For information about cache directory tags, see https://bford.info/cachedir/

        """

    let path: FilePath

    var lock: FilePath { path.appending("lock") }
    var index: FilePath { path.appending("index.sqlite") }
    var data: FilePath { path.appending("data") }
    var asideParent: FilePath { path.appending("set-aside") }
    private var formatFile: FilePath { path.appending("format") }
    private var tagFile: FilePath { path.appending("CACHEDIR.TAG") }

    func dataFile(_ id: VersionID) -> FilePath {
        let name = id.description
        return data.appending(String(name.suffix(2))).appending(name)
    }

    var isOnOverlay: Bool {
        var system = statfs()
        // OVERLAYFS_SUPER_MAGIC of <linux/magic.h>
        return path.withPlatformString { statfs($0, &system) } == 0 && system.f_type == 0x794C_7630
    }

    /// Creates the directory where absent, and refuses what is not ours to write to.
    func prepare() throws(CacheError) {
        try makeParents(path.removingLastComponent())
        if path.withPlatformString({ mkdir($0, 0o700) }) != 0, errno != EEXIST {
            throw .failed(to: "create", path, Errno(rawValue: errno))
        }
        var status = stat()
        guard path.withPlatformString({ stat($0, &status) }) == 0 else {
            throw .failed(to: "look at", path, Errno(rawValue: errno))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .unusable(directory: path, reason: "it is not a directory")
        }
        guard status.st_uid == geteuid() else {
            throw .unusable(
                directory: path,
                reason: "it belongs to user \(status.st_uid), not to user \(geteuid()) who runs this; "
                    + "choose another with cache_dir= or give it away with chown")
        }
        // The root of a file system of its own has this one from mkfs.
        let names = try Self.names(in: path).filter { $0 != "lost+found" }
        let isOurs = names.contains("format") || names.contains("lock")
        guard names.isEmpty || isOurs else {
            throw .unusable(
                directory: path, reason: "it is not empty and holds no iesfs cache; choose an empty or new directory")
        }
        guard status.st_mode & 0o777 != 0o700 else { return }
        // What others could write to may hold what they wrote.
        guard !isOurs || status.st_mode & 0o022 == 0 else {
            throw .unusable(
                directory: path,
                reason:
                    "others may write to it; if its content can be trusted, run: chmod 700 '\(path)', else remove it")
        }
        guard path.withPlatformString({ chmod($0, 0o700) }) == 0 else {
            throw .failed(to: "chmod", path, Errno(rawValue: errno))
        }
    }

    /// Whether what is there was written by this format; true as well if nothing is there.
    func hasOurFormat() throws(CacheError) -> Bool {
        guard let text = Self.text(of: formatFile) else {
            return try Set(Self.names(in: path)).isDisjoint(with: ["index.sqlite", "data"])
        }
        return text == Self.format
    }

    /// Whether there is a cache of ours, of whatever format. Changes nothing.
    package static func holdsCache(_ path: FilePath) -> Bool {
        ["format", "index.sqlite"].contains { access(path.appending($0).string, F_OK) == 0 }
    }

    /// Whether there is a cache, of this format. Changes nothing.
    package static func holdsOurCache(_ path: FilePath) -> Bool {
        let directory = CacheDirectory(path: path)
        return holdsCache(path) && (try? directory.hasOurFormat()) == true
    }

    /// Writes the tag and the format. Call it with the lock held.
    func mark() throws(CacheError) {
        if Self.text(of: tagFile) != Self.tag { try Self.write(Self.tag, to: tagFile) }
        if Self.text(of: formatFile) != Self.format { try Self.write(Self.format, to: formatFile) }
        if data.withPlatformString({ mkdir($0, 0o700) }) != 0, errno != EEXIST {
            throw .failed(to: "create", data, Errno(rawValue: errno))
        }
    }

    /// Moves the index, and the data if asked, out of the way, and returns where to.
    func setAside(withData: Bool, time: Int64) throws(CacheError) -> FilePath {
        for directory in [asideParent] where directory.withPlatformString({ mkdir($0, 0o700) }) != 0 && errno != EEXIST
        {
            throw .failed(to: "create", directory, Errno(rawValue: errno))
        }
        var place = asideParent.appending("\(time)")
        var attempt = 1
        while place.withPlatformString({ mkdir($0, 0o700) }) != 0 {
            guard errno == EEXIST, attempt < 1000 else { throw .failed(to: "create", place, Errno(rawValue: errno)) }
            place = asideParent.appending("\(time).\(attempt)")
            attempt += 1
        }
        let names = ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] + (withData ? ["data", "format"] : [])
        for name in names {
            let from = path.appending(name)
            let to = place.appending(name)
            let failed = from.withPlatformString { from in to.withPlatformString { rename(from, $0) } } != 0
            if failed, errno != ENOENT { throw .failed(to: "rename", from, Errno(rawValue: errno)) }
        }
        return place
    }

    private func makeParents(_ directory: FilePath) throws(CacheError) {
        if directory.isEmpty || directory.withPlatformString({ access($0, F_OK) }) == 0 { return }
        try makeParents(directory.removingLastComponent())
        // The mode that XDG asks for; /var/cache itself exists.
        if directory.withPlatformString({ mkdir($0, 0o700) }) != 0, errno != EEXIST {
            throw .failed(to: "create", directory, Errno(rawValue: errno))
        }
    }
}

extension CacheDirectory {
    /// The names in `directory`, but for `.` and `..`.
    static func names(in directory: FilePath) throws(CacheError) -> [String] {
        guard let stream = directory.withPlatformString({ opendir($0) }) else {
            throw .failed(to: "list", directory, Errno(rawValue: errno))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a directory of ours, and what is in it.
    static func remove(_ path: FilePath) {
        if path.withPlatformString({ unlink($0) }) == 0 || errno == ENOENT { return }
        guard let names = try? names(in: path) else { return }
        for name in names { remove(path.appending(name)) }
        _ = path.withPlatformString { rmdir($0) }
    }

    private static func text(of path: FilePath) -> String? {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .noFollow]) else {
            return nil
        }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 4096)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Whole or not at all, also through a power cut.
    private static func write(_ text: String, to path: FilePath) throws(CacheError) {
        let temporary = FilePath(path.string + ".new")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .truncate, .closeOnExec, .noFollow],
                permissions: .ownerReadWrite)
            try file.closeAfter {
                _ = try file.writeAll(text.utf8)
                if fsync(file.rawValue) != 0 { throw Errno(rawValue: errno) }
            }
        } catch {
            throw .failed(to: "write", path, (error as? Errno) ?? .ioError)
        }
        guard temporary.withPlatformString({ from in path.withPlatformString { rename(from, $0) } }) == 0 else {
            throw .failed(to: "rename", temporary, Errno(rawValue: errno))
        }
    }
}
