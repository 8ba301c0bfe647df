// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing

@testable import IESMount

/// The parts of a session that need no kernel.
@Suite struct MountSessionTests {
    /// Little-endian words, as linux/fuse.h lays out its structures on this machine.
    private func words(_ words: [UInt32]) -> [UInt8] { words.flatMap { withUnsafeBytes(of: $0) { Array($0) } } }

    /// `fuse_in_header` (len, opcode 26, unique 2, nodeid, uid, gid, pid, padding) and `fuse_init_in` of 7.45.
    private func initRequest(flags: UInt32, more: UInt32 = 0) -> [UInt8] {
        words([104, 26, 2, 0, 0, 0, 0, 0, 0, 0] + [7, 45, 0x20000, flags, more] + [UInt32](repeating: 0, count: 11))
    }

    /// The words of the reply as it goes out.
    private func reply(_ exchange: inout InitExchange, answered: UInt32) -> [UInt32] {
        // fuse_init_out: major, minor, max_readahead, flags, background, max_write, time_gran, pages, flags2, depth, …
        var body = words([7, 38, 0x20000, answered, 0xffff_ffff, 0x100000, 1, 256] + [UInt32](repeating: 0, count: 8))
        body.withUnsafeMutableBytes { exchange.complete($0) }
        return body.withUnsafeBytes { bytes in
            (0..<16).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
    }

    private func completed(offered: UInt32, answered: UInt32) -> UInt32 {
        var exchange = InitExchange()
        initRequest(flags: offered).withUnsafeBytes { exchange.received($0) }
        return reply(&exchange, answered: answered)[3]
    }

    /// FUSE_INIT_EXT is bit 30 of the flags, FUSE_PASSTHROUGH bit 5 of flags2, as in linux/fuse.h.
    private static let offers: [(depth: UInt32?, flags: UInt32, more: UInt32, isAgreed: Bool)] = [
        (1, 1 << 30, 1 << 5, true), (2, 1 << 30, 1 << 5, true), (nil, 1 << 30, 1 << 5, false),
        (1, 1 << 30, 0xffff_ffdf, false), (1, 0, 1 << 5, false),
    ]

    @Test(arguments: offers)
    func `passthrough is agreed to where it is offered and wanted`(
        depth: UInt32?, flags: UInt32, more: UInt32, isAgreed: Bool
    ) {
        var exchange = InitExchange(stackDepth: depth)
        initRequest(flags: flags, more: more).withUnsafeBytes { exchange.received($0) }
        let words = reply(&exchange, answered: 0x21)
        #expect(words[3] == (isAgreed ? 0x21 | 1 << 30 : 0x21))
        #expect(words[8] == (isAgreed ? 1 << 5 : 0))
        #expect(words[9] == (isAgreed ? depth ?? 0 : 0))
        #expect(exchange.isPassthroughAgreed == isAgreed)
    }

    /// FUSE_HAS_RESEND is bit 7 of flags2; it needs FUSE_INIT_EXT, as all of them.
    @Test(
        arguments: [
            (1 << 30, 1 << 7, true), (1 << 30, 0xffff_ff7f, false), (0, 1 << 7, false),
        ] as [(UInt32, UInt32, Bool)])
    func `an exchange that was kept says what the kernel offers and what was agreed on`(
        flags: UInt32, more: UInt32, isOffered: Bool
    ) {
        var exchange = InitExchange(stackDepth: 1)
        initRequest(flags: flags, more: more | 1 << 5).withUnsafeBytes { exchange.received($0) }
        let body = reply(&exchange, answered: 0x21).flatMap { words([$0]) }
        let kept = InitExchange(
            request: initRequest(flags: flags, more: more | 1 << 5), reply: words([80, 0, 2, 0]) + body)
        #expect(kept.isResendOffered == isOffered)
        #expect(kept.isPassthroughAgreed == exchange.isPassthroughAgreed)
        #expect(InitExchange(request: [], reply: []).isResendOffered == false)
    }

    @Test(arguments: [
        ("6.8.12", true), ("6.12.95", false), ("6.12.96", true), ("6.12.96-amd64", true), ("6.18.38", false),
        ("6.18.44-fc-v669", true), ("6.14.0-37-generic", false), ("6.17.1", false), ("7.0.9", false),
        ("7.1.3", false), ("7.1.4", true), ("7.2.0-rc1", true), ("", true),
    ])
    func `takeover is off on kernels with CVE-2026-64265`(kernel: String, isPossible: Bool) {
        let ability = TakeoverAbility.judge(offersResend: true, kernel: kernel)
        #expect((ability == .possible) == isPossible)
        #expect(TakeoverAbility.judge(offersResend: false, kernel: kernel) != .possible)
    }

    @Test func `what the kernel forgot while nobody read is found among the requests`() {
        var lost = LostForgets()
        // fuse_in_header: len, opcode, unique, nodeid, uid, gid, pid, padding; then nlookup, or count and dummy and pairs.
        words([48, 2, 9, 0, 77, 0, 0, 0, 0, 0, 3, 0]).withUnsafeBytes { lost.add($0) }
        words([80, 42, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 5, 0, 1, 0, 6, 0, 2, 0]).withUnsafeBytes { lost.add($0) }
        // A LOOKUP, one cut short, and one that says more than it holds.
        words([48, 1, 9, 0, 1, 0, 0, 0, 0, 0, 0x61, 0]).withUnsafeBytes { lost.add($0) }
        words([40, 2, 9, 0, 77, 0, 0, 0, 0, 0]).withUnsafeBytes { lost.add($0) }
        words([64, 42, 9, 0, 0, 0, 0, 0, 0, 0, 0xffff, 0, 8, 0, 4, 0]).withUnsafeBytes { lost.add($0) }
        #expect(lost.forgets.map(\.inode) == [77, 5, 6, 8])
        #expect(lost.forgets.map(\.lookUps) == [3, 1, 2, 4])
    }

    @Test func `parallel directory operations are agreed to where the kernel offers them, and nothing else`() {
        let parallel: UInt32 = 1 << 18
        #expect(completed(offered: 0xffff_ffff, answered: 0x21) == 0x21 | parallel)
        #expect(completed(offered: ~parallel, answered: 0x21) == 0x21)
        #expect(completed(offered: parallel, answered: parallel) == parallel)
    }

    @Test func `only the reply to INIT is taken for it, and its bytes are kept`() {
        var exchange = InitExchange()
        let request = initRequest(flags: 0)
        let look = words([56, 1, 4, 0, 1, 0, 0, 0, 0, 0] + [0, 0, 0, 0])
        let reply = words([80, 0, 2, 0])
        #expect(!reply.withUnsafeBytes { exchange.isAnswered(by: $0) })
        look.withUnsafeBytes { exchange.received($0) }
        #expect(exchange.request.isEmpty)
        request.withUnsafeBytes { exchange.received($0) }
        #expect(exchange.request == request)
        #expect(reply.withUnsafeBytes { exchange.isAnswered(by: $0) })
        #expect(!words([16, 0, 4, 0]).withUnsafeBytes { exchange.isAnswered(by: $0) })
        let body = words([7, 38])
        let isReady = reply.withUnsafeBytes { header in body.withUnsafeBytes { exchange.answered(header, $0) } }
        #expect(isReady)
        #expect(exchange.reply == reply + body)
        let refusal = words([16, UInt32(bitPattern: -EPROTO), 2, 0])
        let isRefused = refusal.withUnsafeBytes { header in [UInt8]().withUnsafeBytes { !exchange.answered(header, $0) }
        }
        #expect(isRefused)
    }

    @Test func `waiting requests are counted by subject and cancelled when the session closes`() async {
        let requests = WaitingRequests()
        let first = WaitingRequest(thread: 1, subject: .lookUp(in: 7))
        let second = WaitingRequest(thread: 2, subject: .lookUp(in: 7))
        requests.add(first)
        requests.add(second)
        requests.remove(first)
        requests.remove(first)
        #expect(requests.contains(.lookUp(in: 7)))
        #expect(!requests.contains(.read(of: 7)))
        #expect(!requests.drained(within: .zero))
        let task = Task<Void, Never> { try? await Task.sleep(for: .seconds(1000)) }
        second.adopt(task)
        requests.close()
        await task.value
        requests.remove(second)
        #expect(!requests.contains(.lookUp(in: 7)))
        #expect(requests.drained(within: .zero))

        let late = WaitingRequest(thread: 3)
        requests.add(late)
        let lateTask = Task<Void, Never> { try? await Task.sleep(for: .seconds(1000)) }
        late.adopt(lateTask)
        #expect(lateTask.isCancelled)
    }

    @Test func `buffers are lent to one at a time and used again`() {
        let buffers = ReplyBuffers(size: 8192)
        let (outer, inner) = buffers.withBuffer { outer in
            buffers.withBuffer { inner in (outer.baseAddress, inner.baseAddress) }
        }
        #expect(outer != inner)
        let again = buffers.withBuffer { first in buffers.withBuffer { [first.baseAddress, $0.baseAddress] } }
        #expect(Set(again) == [outer, inner])
    }

    @Test func `a buffer is resident before it is used`() {
        let pages = ReplyBuffers(size: 1 << 20).withBuffer { buffer in
            var resident = [UInt8](repeating: 0, count: buffer.count / 4096)
            #expect(mincore(buffer.baseAddress, buffer.count, &resident) == 0)
            return resident
        }
        #expect(pages.allSatisfy { $0 & 1 == 1 })
    }

    @Test(.timeLimit(.minutes(1)))
    func `names are put off while a look-up waits in their directory, the others are told`() async throws {
        let busy = Mutex(true)
        let (told, continuation) = AsyncStream<Invalidations.Name>.makeStream()
        let invalidations = try Invalidations(
            isBusy: { parent in parent == 1 && busy.withLock(\.self) }, notify: { continuation.yield($0) })
        try invalidations.start()
        invalidations.add(.init(parent: 1, name: "a"))
        invalidations.add(.init(parent: 2, name: "b"))
        var names = told.makeAsyncIterator()
        #expect(await names.next()?.name == "b")
        busy.withLock { $0 = false }
        #expect(await names.next()?.name == "a")
        #expect(invalidations.stop(within: .seconds(30)))
    }
}
