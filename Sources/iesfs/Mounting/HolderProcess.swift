// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// The process that holds a mount, as others find it.
struct HolderProcess {
    let id: pid_t

    /// The one that holds the mount, looked for among all processes: for a mount that does not say.
    static func find(at mountpoint: FilePath, owner: UInt32?) -> HolderProcess? {
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let found = HolderProcess(id: name, at: mountpoint, owner: owner) { return found }
        }
        return nil
    }

    /// Nil unless there is such a process, of root or the mount's owner, and it says that it holds this mount: a mount is not
    /// to be believed when it names a process that is to get a signal.
    ///
    /// - Parameters:
    ///   - id: As `/.iesfs/status` gives it.
    ///   - owner: Who mounted, by the mount table.
    init?(id: String?, at mountpoint: FilePath, owner: UInt32?) {
        guard let id = id.flatMap({ pid_t($0) }), id > 1 else { return nil }
        var status = stat()
        guard stat("/proc/\(id)", &status) == 0, status.st_uid == 0 || status.st_uid == owner else { return nil }
        guard let words = Self.words("/proc/\(id)/cmdline"), words.first.map({ $0.hasSuffix("iesfs") }) == true,
            words.contains("mount"), words.contains(where: { Self.isSame($0, mountpoint) })
        else { return nil }
        self.id = id
    }

    /// In the foreground the mountpoint stands there as it was typed.
    private static func isSame(_ word: String, _ mountpoint: FilePath) -> Bool {
        word == mountpoint.string || FilePath(word).lastComponent == mountpoint.lastComponent
    }

    private static func words(_ path: String) -> [String]? {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return nil }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return bytes[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
