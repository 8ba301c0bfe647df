// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A CRC-32C (Castagnoli; RFC 3720, section 12.1), taken in step by step.
package struct CRC32C: Hashable, Sendable {
    /// The checksum of the bytes taken so far.
    package private(set) var value: UInt32

    /// Of no bytes.
    package init() { value = 0 }

    /// Goes on from a checksum of earlier bytes.
    package init(_ value: UInt32) { self.value = value }

    /// Takes the next bytes.
    package mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { update($0) }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = Self.hardware ? Self.byHardware(value, bytes) : Self.byTable(value, bytes)
    }

    /// Takes bytes of which only the checksum and the number are known.
    package mutating func append(_ next: CRC32C, count: Int64) {
        value = Self.multiply(Self.power(8 * UInt64(count)), value) ^ next.value
    }

    private static let hardware = ies_crc32c_has_hardware()
}

extension CRC32C {
    /// `value` is that of the bytes before.
    static func byHardware(_ value: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        ~ies_crc32c_hardware(~value, bytes.baseAddress, bytes.count, oneStream, twoStreams)
    }

    /// Eight bytes at a time, by tables, where the processor has no instruction for it.
    static func byTable(_ value: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { tables in
            var register = ~value
            var index = 0
            while index + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                var next: UInt32 = 0
                var mixed = word ^ UInt64(register)
                for table in stride(from: 7, through: 0, by: -1) {
                    next ^= tables[table * 256 + Int(mixed & 0xFF)]
                    mixed >>= 8
                }
                register = next
                index += 8
            }
            while index < bytes.count {
                register = tables[Int((register ^ UInt32(bytes[index])) & 0xFF)] ^ (register >> 8)
                index += 1
            }
            return ~register
        }
    }

    /// Bit-reflected: the lowest bit is the highest power of x.
    private static let polynomial: UInt32 = 0x82F6_3B78

    /// Table 0 moves a register past one byte, table k past k + 1.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var register = UInt32(byte)
            for _ in 0..<8 { register = timesX(register) }
            tables[byte] = register
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = tables[Int(before & 0xFF)] ^ (before >> 8)
        }
        return tables
    }()

    private static let oneStream = power(8 * UInt64(IES_CRC32C_STREAM), minus: 33)
    private static let twoStreams = power(16 * UInt64(IES_CRC32C_STREAM), minus: 33)

    private static func timesX(_ value: UInt32) -> UInt32 {
        value & 1 == 0 ? value >> 1 : (value >> 1) ^ polynomial
    }

    /// The product modulo the polynomial.
    private static func multiply(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var product: UInt32 = 0
        var left = left
        var right = right
        while left != 0 {
            if left & 0x8000_0000 != 0 { product ^= right }
            left <<= 1
            right = timesX(right)
        }
        return product
    }

    /// x^(2^k) for each bit k of an exponent.
    private static let squares: [UInt32] = {
        var squares: [UInt32] = [0x4000_0000]
        while squares.count < 64 { squares.append(multiply(squares[squares.count - 1], squares[squares.count - 1])) }
        return squares
    }()

    /// x^exponent modulo the polynomial.
    private static func power(_ exponent: UInt64, minus less: UInt64 = 0) -> UInt32 {
        guard exponent >= less else { return 0 }
        var rest = exponent - less
        var result: UInt32 = 0x8000_0000
        while rest != 0 {
            result = multiply(squares[rest.trailingZeroBitCount], result)
            rest &= rest - 1
        }
        return result
    }
}
