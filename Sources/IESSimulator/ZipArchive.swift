// SPDX-License-Identifier: Apache-2.0

/// Makes ZIP archives of stored entries in memory (APPNOTE 6.3, without ZIP64: under 4 GiB, under 65,536 entries).
package struct ZipArchive: Sendable {
    private struct Entry {
        let name: [UInt8]
        let checksum: UInt32
        let size: UInt32
        let offset: UInt32
    }

    /// 2025-04-10 17:22:46 as ZIP writes local times, so that the same entries give the same bytes.
    private static let time: UInt16 = 17 << 11 | 22 << 5 | 46 / 2
    private static let date: UInt16 = (2025 - 1980) << 9 | 4 << 5 | 10
    /// Names are UTF-8.
    private static let flags: UInt16 = 1 << 11

    private var output: [UInt8] = []
    private var entries: [Entry] = []

    package init() {}

    /// Appends a file. A name that ends in `/` is a directory.
    package mutating func add(_ name: String, _ bytes: [UInt8]) {
        let entry = Entry(
            name: Array(name.utf8), checksum: CRC32.of(bytes), size: UInt32(bytes.count),
            offset: UInt32(output.count))
        output += LittleEndian.bytes(0x0403_4B50 as UInt32) + Self.description(of: entry)
        output += entry.name + bytes
        entries.append(entry)
    }

    /// The whole archive.
    package func finish() -> [UInt8] {
        var bytes = output
        for entry in entries {
            bytes += LittleEndian.bytes(0x0201_4B50 as UInt32)
            // Made by version 2.0 on Unix, so that the mode in the external attributes counts.
            bytes += LittleEndian.bytes(0x0314 as UInt16) + Self.description(of: entry)
            bytes += LittleEndian.bytes(0 as UInt16) + LittleEndian.bytes(0 as UInt16) + LittleEndian.bytes(0 as UInt16)
            let mode: UInt32 = entry.name.last == UInt8(ascii: "/") ? 0o040755 : 0o100644
            bytes += LittleEndian.bytes(mode << 16) + LittleEndian.bytes(entry.offset) + entry.name
        }
        let count = LittleEndian.bytes(UInt16(entries.count))
        let size = LittleEndian.bytes(UInt32(bytes.count - output.count))
        bytes += LittleEndian.bytes(0x0605_4B50 as UInt32) + LittleEndian.bytes(0 as UInt32) + count + count + size
        bytes += LittleEndian.bytes(UInt32(output.count)) + LittleEndian.bytes(0 as UInt16)
        return bytes
    }

    /// From "version needed" to "extra field length", alike in local and central headers.
    private static func description(of entry: Entry) -> [UInt8] {
        LittleEndian.bytes(20 as UInt16) + LittleEndian.bytes(flags) + LittleEndian.bytes(0 as UInt16)
            + LittleEndian.bytes(time) + LittleEndian.bytes(date) + LittleEndian.bytes(entry.checksum)
            + LittleEndian.bytes(entry.size) + LittleEndian.bytes(entry.size)
            + LittleEndian.bytes(UInt16(entry.name.count)) + LittleEndian.bytes(0 as UInt16)
    }
}
