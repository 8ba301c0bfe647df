// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Bytes made from a seed: any size, any offset at once, no two blocks alike.
///
/// Block `n` of 64 KiB is its number and the seed mixed with it (16 bytes, little-endian), then 65,520
/// bytes of one fixed pseudo-random pattern of 1 MiB from a place that seed and number choose. So a
/// block in the wrong place, or of another seed, never goes unnoticed, and serving costs no
/// computation: what is written is a slice of the pattern.
package struct GeneratedContent: Sendable, Hashable {
    package static let blockSize = 65_536
    private static let prefix = 16
    private static let patternSize = 1 << 20

    package let seed: UInt64
    package let size: Int64

    package init(seed: UInt64, size: Int64) {
        precondition(size >= 0, "a size is not negative")
        self.seed = seed
        self.size = size
    }

    /// The bytes of `range`, which lies within the size.
    package func bytes(in range: Range<Int64>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        forEachSlice(in: range) { output.append(contentsOf: $0.readableBytesView) }
        return output
    }

    /// Lower-case hexadecimal SHA-256 of the whole, made by streaming.
    package func sha256() -> String {
        let digest = SHA256Digest()
        forEachSlice(in: 0..<size) { slice in slice.withUnsafeReadableBytes { digest.update($0) } }
        return Hex.text(digest.finish())
    }

    /// Hands over the bytes of `range` in order, without copying the pattern.
    func forEachSlice(in range: Range<Int64>, _ body: (ByteBuffer) -> Void) {
        var offset = range.lowerBound
        let blockSize = Int64(Self.blockSize)
        while offset < range.upperBound {
            let block = offset / blockSize
            let inside = Int(offset - block * blockSize)
            let count = Int(min(range.upperBound - offset, blockSize - Int64(inside)))
            let mixed = Self.mix(seed &+ UInt64(block) &* 0x9E37_79B9_7F4A_7C15)
            if inside < Self.prefix {
                var head = ByteBuffer()
                head.writeInteger(UInt64(block), endianness: .little)
                head.writeInteger(mixed, endianness: .little)
                if let slice = head.getSlice(at: inside, length: min(count, Self.prefix - inside)) { body(slice) }
            }
            let start = max(inside, Self.prefix)
            let length = inside + count - start
            let place = Int(mixed % UInt64(Self.patternSize)) + start - Self.prefix
            if length > 0, let slice = Self.pattern.getSlice(at: place, length: length) { body(slice) }
            offset += Int64(count)
        }
    }

    private static let pattern: ByteBuffer = {
        var buffer = ByteBufferAllocator().buffer(capacity: patternSize + blockSize)
        var state: UInt64 = 0x1E5F_5000
        while buffer.readableBytes < patternSize + blockSize {
            state &+= 0x9E37_79B9_7F4A_7C15
            buffer.writeInteger(mix(state), endianness: .little)
        }
        return buffer
    }()

    /// SplitMix64's output function.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
