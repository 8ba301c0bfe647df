// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// The contents of a small file, such as proc and sysfs have: read to the end in one go, whatever size it claims.
func contents(of path: FilePath) throws -> [UInt8] {
    let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    return try file.closeAfter {
        var bytes: [UInt8] = []
        var capacity = 16384
        while true {
            let start = bytes.count
            var count = 0
            bytes.append(contentsOf: repeatElement(0, count: capacity))
            try bytes.withUnsafeMutableBytes { buffer in
                count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start...]))
            }
            bytes.removeSubrange((start + count)...)
            if count == 0 { return bytes }
            capacity *= 2
        }
    }
}

/// Writes a setting of sysfs: one write, as its files want it.
func write(_ text: String, to path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly, options: .closeOnExec)
    _ = try file.closeAfter { try file.writeAll(text.utf8) }
}
