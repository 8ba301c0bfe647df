// SPDX-License-Identifier: Apache-2.0

/// The first request of a connection and its answer: what libfuse leaves out of it is added here.
///
/// Offsets are those of `fuse_in_header`, `fuse_init_in`, `fuse_out_header` and `fuse_init_out` in linux/fuse.h.
struct InitExchange: Sendable {
    /// The request as it was read, header first; empty before.
    private(set) var request: [UInt8] = []
    /// The reply as it went out, header first; empty before.
    private(set) var reply: [UInt8] = []

    private static let opcode: UInt32 = 26
    private static let requestHeader = 40
    private static let replyHeader = 16

    /// FUSE_PARALLEL_DIROPS. libfuse before 3.17 takes the wish for it but does not tell the kernel. Without it the kernel
    /// lets one look-up at a time into a directory, waiting unkillably: one that stalls would stop `ls` there.
    private static let parallelDirectoryOperations: UInt32 = 1 << 18
    /// FUSE_INIT_EXT: the second word of flags counts.
    private static let hasMoreFlags: UInt32 = 1 << 30
    /// FUSE_PASSTHROUGH, bit 37 of all flags.
    private static let passthrough: UInt32 = 1 << 5
    /// FUSE_HAS_RESEND, bit 39 of all flags.
    private static let resend: UInt32 = 1 << 7
    /// The least that the kernel takes for `max_write`. It wants room for as much whenever a request is read, and nothing
    /// is ever written here.
    private static let longestWrite: UInt32 = 4096

    /// What to say of passthrough: the file systems that may lie under each other (`max_stack_depth`); nil: nothing.
    let stackDepth: UInt32?
    /// Whether passthrough was agreed on.
    private(set) var isPassthroughAgreed = false

    init(stackDepth: UInt32? = nil) { self.stackDepth = stackDepth }

    /// Keeps the message if it is an INIT.
    mutating func received(_ message: UnsafeRawBufferPointer) {
        guard message.count >= Self.requestHeader + 16, Self.word(message, 4) == Self.opcode else { return }
        request = Array(message)
    }

    /// True for the reply to the INIT, when `header` is that of a message about to go out.
    func isAnswered(by header: UnsafeRawBufferPointer) -> Bool {
        guard !request.isEmpty, header.count >= Self.replyHeader else { return false }
        return header[8..<16].elementsEqual(request[8..<16])
    }

    /// Whether the kernel has passthrough (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH).
    var isPassthroughOffered: Bool {
        guard request.count >= Self.requestHeader + 20 else { return false }
        return request.withUnsafeBytes { request in
            Self.word(request, Self.requestHeader + 12) & Self.hasMoreFlags != 0
                && Self.word(request, Self.requestHeader + 16) & Self.passthrough != 0
        }
    }

    /// An exchange of an earlier worker, as it was kept.
    init(request: [UInt8], reply: [UInt8]) {
        stackDepth = nil
        self.request = request
        self.reply = reply
        isPassthroughAgreed =
            reply.count >= Self.replyHeader + 36
            && reply.withUnsafeBytes { reply in
                Self.word(reply, Self.replyHeader + 12) & Self.hasMoreFlags != 0
                    && Self.word(reply, Self.replyHeader + 32) & Self.passthrough != 0
            }
    }

    /// Whether the kernel can queue requests again that were not answered (FUSE_HAS_RESEND, Linux 6.9).
    var isResendOffered: Bool {
        guard request.count >= Self.requestHeader + 20 else { return false }
        return request.withUnsafeBytes { request in
            Self.word(request, Self.requestHeader + 12) & Self.hasMoreFlags != 0
                && Self.word(request, Self.requestHeader + 16) & Self.resend != 0
        }
    }

    /// Adds the flags that libfuse leaves out and the kernel offered.
    mutating func complete(_ body: UnsafeMutableRawBufferPointer) {
        guard body.count >= 64 else { return }
        let offered = request.withUnsafeBytes { Self.word($0, Self.requestHeader + 12) }
        var flags = Self.word(UnsafeRawBufferPointer(body), 12) | (offered & Self.parallelDirectoryOperations)
        if let stackDepth, isPassthroughOffered {
            flags |= Self.hasMoreFlags
            let more = Self.word(UnsafeRawBufferPointer(body), 32) | Self.passthrough
            body.storeBytes(of: more, toByteOffset: 32, as: UInt32.self)
            body.storeBytes(of: stackDepth, toByteOffset: 36, as: UInt32.self)
            isPassthroughAgreed = true
        }
        body.storeBytes(of: flags, toByteOffset: 12, as: UInt32.self)
        body.storeBytes(of: Self.longestWrite, toByteOffset: 20, as: UInt32.self)
    }

    /// Keeps the reply as it went out; false if it was a refusal.
    mutating func answered(_ header: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Bool {
        reply = Array(header) + Array(body)
        return Self.word(header, 4) == 0 && !body.isEmpty
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}
