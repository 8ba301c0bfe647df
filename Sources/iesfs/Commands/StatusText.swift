// SPDX-License-Identifier: Apache-2.0

import IESMount
import SystemPackage

/// What a mount says of itself in `/.iesfs/status`: lines of a name, a colon and a value.
struct StatusText {
    private var values: [String: String] = [:]

    init(of mountpoint: FilePath) throws(MountError) {
        guard let text = try? Self.text(mountpoint.appending(".iesfs").appending("status")) else {
            throw MountError(
                .failed,
                "The mount at \(mountpoint) does not answer: its daemon has gone. Mount it again, or unmount it.")
        }
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    subscript(_ name: String) -> String? { values[name] }

    /// In one read, whatever size the file had a moment ago: between two, another worker may have taken over, whose text is
    /// another one.
    private static func text(_ path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }
}
