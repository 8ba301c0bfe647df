// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import SystemPackage

/// Keeps a cache directory to one user: a flock on a file in it, which also says who that is.
package enum CacheLock {
    /// Creates the directory where absent, and locks it; `owner` is what a second user is told besides the process
    /// number. The lock lasts as long as the descriptor is open in any process; it is close-on-exec.
    package static func acquire(_ directory: FilePath, owner: String) throws(CacheError) -> FileDescriptor {
        let directory = CacheDirectory(path: directory)
        try directory.prepare()
        let file: FileDescriptor
        do {
            file = try FileDescriptor.open(
                directory.lock, .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
        } catch {
            throw .failed(to: "open", directory.lock, (error as? Errno) ?? .ioError)
        }
        do throws(CacheError) {
            try lock(file, in: directory, owner: owner)
        } catch {
            try? file.close()
            throw error
        }
        return file
    }

    /// Gives the lock up, also where a process that is just being started has a copy of the descriptor until its exec.
    static func release(_ file: FileDescriptor) {
        _ = flock(file.rawValue, LOCK_UN)
        try? file.close()
    }

    /// Locks by a descriptor of the lock file; one that has the lock already keeps it. Writes down who the user is.
    static func lock(_ file: FileDescriptor, in directory: CacheDirectory, owner: String) throws(CacheError) {
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: throw .inUse(directory: directory.path, owner: holder(file))
            default: throw .failed(to: "lock", directory.lock, Errno(rawValue: errno))
            }
        }
        // Only for the message: a failure to write it matters to no one.
        let text = "\(getpid())\n\(owner.filter { !$0.isNewline })\n"
        _ = ftruncate(file.rawValue, 0)
        _ = try? file.writeAll(toAbsoluteOffset: 0, text.utf8)
    }

    /// Says who has the lock, in words.
    private static func holder(_ file: FileDescriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = (try? bytes.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 0, into: $0) }) ?? 0
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
        guard let process = lines.first, Int(process) != nil else { return "another process" }
        return lines.count > 1 ? "\(lines[1]) (process \(process))" : "process \(process)"
    }
}
