// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESCache

@Suite struct CRC32CTests {
    /// RFC 3720, appendix B.4, whose bytes are in the order in which they are sent: least significant first.
    static let vectors: [([UInt8], UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        ([UInt8](0...31), 0x46DD_794E),
        ((0...31).reversed(), 0x113F_DB5C),
        (
            [
                0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
                0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            ], 0xD996_3A56
        ),
        (Array("123456789".utf8), 0xE306_9283),
        ([], 0),
    ]

    @Test(arguments: vectors)
    func `a published vector has its checksum`(bytes: [UInt8], checksum: UInt32) {
        var crc = CRC32C()
        crc.update(bytes.span.bytes)
        #expect(crc.value == checksum)
        #expect(bytes.withUnsafeBytes { CRC32C.byTable(0, $0) } == checksum)
    }

    @Test func `the processor's instructions and the tables agree at every length and alignment`() {
        let bytes = content(20_000, seed: 1)
        bytes.withUnsafeBytes { bytes in
            for count in Array(0...300) + [1359, 1360, 4079, 4080, 4081, 8159, 8160, 8168, 12_243, 19_990] {
                for start in 0..<9 {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)])
                    var crc = CRC32C(0x1234_5678)
                    crc.update(part)
                    #expect(crc.value == CRC32C.byTable(0x1234_5678, part), "\(count) bytes from \(start)")
                }
            }
        }
    }

    @Test func `the checksum of two parts joined follows from theirs`() {
        let bytes = content(70_000, seed: 2)
        for split in [0, 1, 7, 16_384, 65_536, 69_999, 70_000] {
            var whole = CRC32C()
            whole.update(bytes.span.bytes)
            var first = CRC32C()
            first.update(Array(bytes[..<split]).span.bytes)
            var second = CRC32C()
            second.update(Array(bytes[split...]).span.bytes)
            first.append(second, count: Int64(70_000 - split))
            #expect(first == whole, "split at \(split)")
        }
    }
}
