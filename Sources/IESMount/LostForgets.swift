// SPDX-License-Identifier: Apache-2.0

/// The FORGETs among requests that are read without being answered: the kernel does not send these again.
struct LostForgets: Sendable {
    private(set) var forgets: [(inode: UInt64, lookUps: UInt64)] = []

    /// `fuse_in_header`; then `fuse_forget_in`, or `fuse_batch_forget_in` and as many pairs as that says.
    private enum Layout {
        static let opcode = 4, node = 16, header = 40
        static let forget: UInt32 = 2, batchForget: UInt32 = 42
    }

    /// Keeps what a request says if it is a FORGET.
    mutating func add(_ message: UnsafeRawBufferPointer) {
        guard message.count >= Layout.header + 8 else { return }
        switch message.loadUnaligned(fromByteOffset: Layout.opcode, as: UInt32.self) {
        case Layout.forget:
            forgets.append((word(message, Layout.node), word(message, Layout.header)))
        case Layout.batchForget:
            let count = message.loadUnaligned(fromByteOffset: Layout.header, as: UInt32.self)
            for index in 0..<Int(count) {
                let offset = Layout.header + 8 + 16 * index
                guard offset + 16 <= message.count else { return }
                forgets.append((word(message, offset), word(message, offset + 8)))
            }
        default: break
        }
    }

    private func word(_ message: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        message.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
