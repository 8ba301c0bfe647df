// SPDX-License-Identifier: Apache-2.0

/// A checksum over the fields of an index row: SQLite itself does not notice a flipped bit in a value.
struct RowCheck {
    private var checksum = CRC32C()

    var value: UInt32 { checksum.value }

    mutating func add(_ number: Int64) {
        withUnsafeBytes(of: number.littleEndian) { checksum.update($0) }
    }

    /// Absent and empty differ.
    mutating func add(_ text: String?) {
        guard var text else {
            add(-1)
            return
        }
        text.withUTF8 {
            add(Int64($0.count))
            checksum.update(UnsafeRawBufferPointer($0))
        }
    }

    mutating func add(_ bytes: [UInt8]) {
        add(Int64(bytes.count))
        bytes.withUnsafeBytes { checksum.update($0) }
    }
}
