// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
package import IESTakeover

/// Answers requests with EIO while a mount has no worker, rather than let them hang: of FUSE it knows headers only.
package struct RefusingDevice {
    private let descriptor: Int32
    private let kept: TakeoverRecord
    private let flags: Int32

    /// `fuse_in_header` begins with length, opcode and unique; a RELEASE goes on after it with the handle.
    private enum Layout {
        static let opcode = 4, unique = 8, header = 40
    }

    private enum Opcode {
        static let forget: UInt32 = 2, open: UInt32 = 14, release: UInt32 = 18, flush: UInt32 = 25
        static let openDirectory: UInt32 = 27, releaseDirectory: UInt32 = 29, interrupt: UInt32 = 36
        static let batchForget: UInt32 = 42
    }

    /// Programs that go on after each error bring one request after another, and others have to get their turn.
    private static let mostAtOnce = 1_000

    /// Takes over from a worker that died: what it left unanswered is refused with what comes.
    ///
    /// - Parameter descriptor: Of `/dev/fuse`. Nobody else reads it until `end`.
    package init(_ descriptor: Int32, kept: TakeoverRecord) {
        self.descriptor = descriptor
        self.kept = kept
        // A worker that died while it took over has left it set.
        flags = fcntl(descriptor, F_GETFL) & ~O_NONBLOCK
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }

    /// Has the kernel send again what was not answered, and refuses it; false if the mount has gone.
    package func begin() -> Bool {
        // First what waits: see ies_fuse_take_over.
        guard refuse() else { return false }
        let resend: [UInt32] = [16, 7, 0, 0]
        _ = resend.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        return refuse()
    }

    /// Refuses what has come, or the first thousand; false if the mount has gone.
    package func refuse() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Int(IES_FUSE_LONGEST_REQUEST), alignment: 8) { buffer in
            for _ in 0..<Self.mostAtOnce {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count >= Layout.header {
                    refuse(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                } else if count < 0, errno == EAGAIN {
                    return true
                } else if count < 0, errno != EINTR, errno != ENOENT {
                    return false
                }
            }
            return true
        }
    }

    /// Leaves the device to a worker.
    package func end() { _ = fcntl(descriptor, F_SETFL, flags) }

    private func refuse(_ request: UnsafeRawBufferPointer) {
        let unique = request.loadUnaligned(fromByteOffset: Layout.unique, as: UInt64.self)
        var error = -EIO
        switch request.loadUnaligned(fromByteOffset: Layout.opcode, as: UInt32.self) {
        case Opcode.forget, Opcode.batchForget, Opcode.interrupt: return
        case Opcode.release, Opcode.releaseDirectory:
            guard request.count >= Layout.header + 8 else { break }
            kept.noteReleased(handle: request.loadUnaligned(fromByteOffset: Layout.header, as: UInt64.self))
            error = 0
        case Opcode.open, Opcode.openDirectory:
            // One that is sent again may have been kept.
            let mark = TakeoverRecord.resendMark
            if unique & mark != 0 { kept.noteRefused(request: unique & ~mark) }
        // close(2): there is nothing that it could have lost.
        case Opcode.flush: error = 0
        default: break
        }
        var reply: (length: UInt32, error: Int32, unique: UInt64) = (16, error, unique)
        // That the caller has gone is nothing to tell anybody.
        _ = withUnsafeBytes(of: &reply) { write(descriptor, $0.baseAddress, $0.count) }
    }
}
