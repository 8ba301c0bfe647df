// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage

/// A directory of a test's own, removed with it.
final class TemporaryDirectory: Sendable {
    let path: FilePath

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("ies-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        path = FilePath(url.path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path.string) }

    /// Writes the file in place, with that mode.
    @discardableResult
    func write(_ text: String, to name: String, mode: UInt16 = 0o600) throws -> FilePath {
        let file = path.appending(name)
        if !FileManager.default.fileExists(atPath: file.string) {
            _ = FileManager.default.createFile(atPath: file.string, contents: nil)
        }
        try setMode(mode, of: file)
        let descriptor = try FileDescriptor.open(file, .writeOnly, options: .truncate)
        try descriptor.closeAfter { _ = try descriptor.writeAll(Array(text.utf8)) }
        return file
    }

    func setMode(_ mode: UInt16, of file: FilePath) throws {
        try FileManager.default.setAttributes([.posixPermissions: NSNumber(value: mode)], ofItemAtPath: file.string)
    }

    /// Sets the time of the last change of content.
    func setModified(_ date: Date, of file: FilePath) throws {
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file.string)
    }
}
