// SPDX-License-Identifier: Apache-2.0

/// CRC-32 as ZIP and gzip use it (ISO 3309, reflected polynomial EDB88320).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        ~table.withUnsafeBufferPointer { table in
            bytes.withUnsafeBufferPointer { bytes in
                var crc: UInt32 = 0xFFFF_FFFF
                for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
                return crc
            }
        }
    }
}

enum Gzip {
    /// One gzip member that holds `bytes` uncompressed.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        var offset = 0
        repeat {
            let count = min(bytes.count - offset, 65_535)
            output.append(offset + count == bytes.count ? 1 : 0)
            output += LittleEndian.bytes(UInt16(count)) + LittleEndian.bytes(~UInt16(count))
            output += bytes[offset..<offset + count]
            offset += count
        } while offset < bytes.count
        return output + LittleEndian.bytes(CRC32.of(bytes))
            + LittleEndian.bytes(UInt32(truncatingIfNeeded: bytes.count))
    }
}

enum LittleEndian {
    static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
