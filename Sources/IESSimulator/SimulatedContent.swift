// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// The bytes of a result.
package enum SimulatedContent: Sendable, Hashable {
    case bytes([UInt8])
    case generated(GeneratedContent)
    /// A file on disk, opened for each response; its size and time of change decide length and entity tag.
    case file(path: String)

    /// Bytes of any size made from a seed.
    package static func generated(seed: UInt64, size: Int64) -> Self {
        .generated(GeneratedContent(seed: seed, size: size))
    }

    package static func text(_ text: String) -> Self { .bytes(Array(text.utf8)) }

    /// In bytes; nil for a file that cannot be read.
    package var size: Int64? { ContentReader(self)?.size }

    /// The bytes of `range`, cut to the size; nil for a file that cannot be read.
    package func bytes(in range: Range<Int64>? = nil) -> [UInt8]? {
        guard let reader = ContentReader(self) else { return nil }
        let wanted = (range ?? 0..<reader.size).clamped(to: 0..<reader.size)
        var output: [UInt8] = []
        var offset = wanted.lowerBound
        while offset < wanted.upperBound {
            let count = Int(min(wanted.upperBound - offset, 1 << 20))
            for slice in reader.slices(at: offset, count: count) { output.append(contentsOf: slice.readableBytesView) }
            offset += Int64(count)
        }
        return output
    }

    /// Lower-case hexadecimal SHA-256 of the whole, made by streaming; nil for a file that cannot be read.
    package func sha256() -> String? {
        guard let reader = ContentReader(self) else { return nil }
        let digest = SHA256Digest()
        var offset: Int64 = 0
        while offset < reader.size {
            let count = Int(min(reader.size - offset, 1 << 20))
            for slice in reader.slices(at: offset, count: count) {
                slice.withUnsafeReadableBytes { digest.update($0) }
            }
            offset += Int64(count)
        }
        return Hex.text(digest.finish())
    }

    /// The fingerprint where it cannot change by itself.
    var lastingFingerprint: String? {
        switch self {
        case .bytes, .generated: fingerprint
        case .file: nil
        }
    }

    /// What a strong entity tag is made from: changes when the bytes do.
    var fingerprint: String {
        switch self {
        case .bytes(let bytes): String(SHA256Digest.hex(bytes).prefix(32))
        case .generated(let content): "g\(String(content.seed, radix: 16))-\(String(content.size, radix: 16))"
        case .file(let path):
            if let status = ContentReader.status(of: path) {
                "\(String(status.st_size, radix: 16))-\(String(status.st_mtim.tv_sec, radix: 16))"
                    + "-\(String(status.st_mtim.tv_nsec, radix: 16))"
            } else {
                "missing"
            }
        }
    }
}

/// One content opened for one response.
final class ContentReader: Sendable {
    let size: Int64
    private let content: SimulatedContent
    private let descriptor: Int32

    /// Nil for a file that cannot be opened.
    init?(_ content: SimulatedContent) {
        self.content = content
        switch content {
        case .bytes(let bytes):
            size = Int64(bytes.count)
            descriptor = -1
        case .generated(let generated):
            size = generated.size
            descriptor = -1
        case .file(let path):
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            var status = stat()
            let known = descriptor >= 0 && fstat(descriptor, &status) == 0
            size = known ? Int64(status.st_size) : 0
            guard known else {
                if descriptor >= 0 { close(descriptor) }
                return nil
            }
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The bytes from `offset`, in order; fewer than `count` only where a file has shrunk.
    func slices(at offset: Int64, count: Int) -> [ByteBuffer] {
        switch content {
        case .bytes(let bytes): return [ByteBuffer(bytes: bytes[Int(offset)..<Int(offset) + count])]
        case .generated(let generated):
            var slices: [ByteBuffer] = []
            generated.forEachSlice(in: offset..<offset + Int64(count)) { slices.append($0) }
            return slices
        case .file:
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                max(0, pread(descriptor, target.baseAddress, count, off_t(offset)))
            }
            return [buffer]
        }
    }

    static func status(of path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }
}
