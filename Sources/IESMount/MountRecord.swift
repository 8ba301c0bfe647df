// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// One mount, as a line of `/proc/self/mountinfo` tells it (proc_pid_mountinfo(5)).
package struct MountRecord: Hashable, Sendable {
    /// The kernel's device number; for FUSE the minor number names the connection.
    package struct Device: Hashable, Sendable {
        package let major: UInt32
        package let minor: UInt32
    }

    package let id: Int
    /// The mount this one is mounted on, which may be one at the same path.
    package let parent: Int
    package let device: Device
    /// The directory inside the mounted file system that is seen here; `/` but for bind mounts.
    package let root: FilePath
    package let path: FilePath
    /// Options of this mount: `ro`, `nosuid`…
    package let options: [String]
    /// `ext4`, or `fuse.iesfs` with a subtype.
    package let type: String
    package let source: String
    /// Options of the file system itself: `user_id=0`…
    package let fileSystemOptions: [String]

    /// What iesfs mounts.
    package static let ownType = "fuse.iesfs"

    package var isOurs: Bool { type == Self.ownType }
    package var isAutomount: Bool { type == "autofs" }

    /// The user who mounted a FUSE file system.
    package var owner: UInt32? {
        fileSystemOptions.lazy.compactMap { $0.hasPrefix("user_id=") ? UInt32($0.dropFirst(8)) : nil }.first
    }
}

extension MountRecord {
    /// Reads one line, without its line feed; nil if it is not one of mountinfo.
    init?(line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " ")).map { Array($0) }
        guard fields.count >= 10, let separator = fields[6...].firstIndex(of: [UInt8(ascii: "-")]),
            fields.count >= separator + 4,
            let id = Int(Self.text(fields[0])), let parent = Int(Self.text(fields[1]))
        else { return nil }
        let device = fields[2].split(separator: UInt8(ascii: ":"))
        guard device.count == 2, let major = UInt32(Self.text(device[0])), let minor = UInt32(Self.text(device[1]))
        else { return nil }
        self.id = id
        self.parent = parent
        self.device = Device(major: major, minor: minor)
        root = Self.path(fields[3])
        path = Self.path(fields[4])
        options = Self.list(fields[5])
        type = Self.text(Self.unescaped(fields[separator + 1]))
        source = Self.text(Self.unescaped(fields[separator + 2]))
        fileSystemOptions = Self.list(fields[separator + 3])
    }

    /// The kernel writes blanks, tabs, line feeds, backslashes and `#` as three octal digits after a backslash.
    static func unescaped(_ field: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(field.count)
        var rest = field[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
                result.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }))
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private static func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// A path is bytes; they need not be UTF-8.
    private static func path(_ field: [UInt8]) -> FilePath {
        let bytes = unescaped(field).map { CInterop.PlatformChar(bitPattern: $0) } + [0]
        return FilePath(platformString: bytes)
    }

    private static func list(_ field: [UInt8]) -> [String] {
        text(unescaped(field)).split(separator: ",").map(String.init)
    }
}
