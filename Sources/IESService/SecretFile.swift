// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

/// A file that holds a secret: read only while nobody but its owner can, and again when it has changed.
package enum SecretFile {
    /// Larger files hold no credentials.
    private static let sizeLimit = 1 << 20
    private static let othersCanUse: FilePermissions = [.groupRead, .groupWrite, .otherRead, .otherWrite]

    /// What changes when the file does: written anew in place or replaced.
    package struct Version: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let modified: Int64
        private let changed: Int64
        /// In whole seconds since 1970, the later of mtime and ctime.
        package let seconds: Int64

        fileprivate init(_ status: Stat) {
            device = UInt64(status.deviceID.rawValue)
            inode = UInt64(status.inode.rawValue)
            size = status.size
            modified = Self.nanoseconds(status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
            changed = Self.nanoseconds(status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
            seconds = max(Int64(status.st_mtim.tv_sec), Int64(status.st_ctim.tv_sec))
        }

        private static func nanoseconds(_ seconds: Int, _ nanoseconds: Int) -> Int64 {
            Int64(seconds) &* 1_000_000_000 &+ Int64(nanoseconds)
        }
    }

    package struct Contents: Sendable {
        package let bytes: [UInt8]
        package let version: Version
    }

    /// Nil without a file of that name.
    package static func version(of path: FilePath) throws(CredentialError) -> Version? {
        do throws(Errno) {
            return Version(try Stat(path))
        } catch {
            guard isAbsence(error) else { throw unreadable(path, error) }
            return nil
        }
    }

    /// Nil without a file of that name. Refuses what is not a regular file, and what others can read or write.
    ///
    /// - Parameter allowingGroup: The file's group may read it.
    package static func read(_ path: FilePath, allowingGroup: Bool = false) throws(CredentialError) -> Contents? {
        let contents: Result<Contents?, CredentialError>
        do {
            // Not to wait for a writer when the path is a named pipe.
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            contents = try file.closeAfter { try read(file, path, allowingGroup) }
        } catch {
            contents = isAbsence(error) ? .success(nil) : .failure(unreadable(path, error))
        }
        return try contents.get()
    }

    private static func read(
        _ file: FileDescriptor, _ path: FilePath, _ allowsGroup: Bool
    ) throws -> Result<Contents?, CredentialError> {
        let status = try file.stat()
        guard status.type == .regular else {
            return .failure(CredentialError(.unreadable, "\(path) is not a regular file, so no secret is read from it"))
        }
        let refused = allowsGroup ? othersCanUse.subtracting(.groupRead) : othersCanUse
        guard status.permissions.isDisjoint(with: refused) else { return .failure(exposed(path)) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= sizeLimit else {
                return .failure(CredentialError(.invalid, "\(path) is too large to be a file of credentials"))
            }
        }
        return .success(Contents(bytes: bytes, version: Version(status)))
    }

    private static func exposed(_ path: FilePath) -> CredentialError {
        CredentialError(
            .exposed,
            "\(path) holds a secret but other users can read or write it: run `chmod 600 \(shellWord(path.string))`")
    }

    private static func unreadable(_ path: FilePath, _ error: any Error) -> CredentialError {
        CredentialError(.unreadable, "\(path) cannot be read: \(error)")
    }

    private static func isAbsence(_ error: any Error) -> Bool {
        guard let errno = error as? Errno else { return false }
        return errno == .noSuchFileOrDirectory || errno == .notDirectory
    }

    /// The text as one word of a shell's command line.
    static func shellWord(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            PercentEncoding.isUnreserved($0) && $0 != UInt8(ascii: "~") || $0 == UInt8(ascii: "/")
        }
        if isPlain, !text.isEmpty, !text.hasPrefix("-") { return text }
        return (text.hasPrefix("-") ? "-- " : "") + "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
