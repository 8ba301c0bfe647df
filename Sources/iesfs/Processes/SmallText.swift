// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Files of a few lines.
enum SmallText {
    private static let limit = 1 << 16

    /// In one read, whatever size the file had a moment ago: between two, another worker may have taken over a mount, whose
    /// status is another one.
    static func read(_ path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: limit)
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }
}
