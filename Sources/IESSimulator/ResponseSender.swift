// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// Carries out one planned response on a connection, no faster than the client takes it.
///
/// Bound to the connection's event loop.
final class ResponseSender {
    /// Enough that a fast client never waits, little enough that an abandoned answer wastes nothing.
    private static let piece = 256 << 10
    /// After this the loop serves its other connections first.
    private static let turn = 4 << 20
    private static let chunk = 64 << 10

    private let response: SimulatedResponse
    private let number: Int?
    private let log: RequestLog
    private let context: ChannelHandlerContext
    private let done: (_ isReusable: Bool) -> Void
    private let reader: ContentReader?
    private let origin: Int64
    /// Bytes of the body to send before the end, or before the fault that ends it.
    private let goal: Int64
    private var sent: Int64 = 0
    /// Nothing more of the body is to be written.
    private var isSpent = false
    private var isGone = false
    private var isPumping = false
    private var bodyBegan = NIODeadline.now()
    private var hasBegunBody = false
    private var timer: Scheduled<Void>?

    init(
        _ response: SimulatedResponse, number: Int?, log: RequestLog, context: ChannelHandlerContext,
        done: @escaping (_ isReusable: Bool) -> Void
    ) {
        self.response = response
        self.number = number
        self.log = log
        self.context = context
        self.done = done
        if case .content(let content, let range) = response.body {
            reader = ContentReader(content)
            origin = range.lowerBound
        } else {
            reader = nil
            origin = 0
        }
        goal = min(response.bodyLength, response.bodyEnd?.at ?? .max)
    }

    func start() {
        guard response.latency > .zero else { return begin() }
        after(response.latency) { self.begin() }
    }

    /// The connection is gone.
    func abandon() {
        isGone = true
        timer?.cancel()
        if let number { log.end(number, .abandoned) }
    }

    private func begin() {
        guard !isGone else { return }
        switch response.start {
        case .head: break
        case .silence: return
        case .close: return end(.close)
        case .reset, .transport: return end(.reset)
        case .raw(let bytes):
            write(ByteBuffer(bytes: bytes), promise: nil)
            return end(.close)
        }
        let head = response.headBytes
        if let (place, ending) = response.headEnd {
            write(ByteBuffer(bytes: head.prefix(place)), promise: nil)
            return end(ending)
        }
        write(ByteBuffer(bytes: head), promise: nil)
        hasBegunBody = true
        bodyBegan = .now()
        pump()
    }

    /// Sends while the client takes it. Called again when it takes more.
    func pump() {
        guard hasBegunBody, !isSpent, !isGone, !isPumping, timer == nil else { return }
        isPumping = true
        defer { isPumping = false }
        var budget = Self.turn
        repeat {
            guard fill(&budget) else { return }
            // A flush may make the channel writable at once; its notice came while this was running.
            context.flush()
        } while sent < goal && context.channel.isWritable && !isGone
        if sent >= goal, !isGone { finish() }
    }

    /// Writes until the channel has enough.
    ///
    /// - Returns: False when it goes on by itself later.
    private func fill(_ budget: inout Int) -> Bool {
        while sent < goal, context.channel.isWritable {
            guard budget > 0 else {
                context.flush()
                after(.zero) { self.pump() }
                return false
            }
            var count = Int(min(goal - sent, Int64(Self.piece)))
            if let rate = response.bytesPerSecond {
                count = min(count, max(1, rate / 20))
                let due = bodyBegan + .nanoseconds(Int64(Double(sent) / Double(max(1, rate)) * 1e9))
                let now = NIODeadline.now()
                if due > now {
                    context.flush()
                    after(.nanoseconds((due - now).nanoseconds)) { self.pump() }
                    return false
                }
            }
            send(count)
            budget -= count
            if budget % (1 << 20) < Self.piece { context.flush() }
        }
        return true
    }

    private func send(_ count: Int) {
        var slices = slices(at: sent, count: count)
        for place in response.flippedBits where (sent..<sent + Int64(count)).contains(place) {
            slices = [flipped(slices, at: Int(place - sent))]
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        if let number {
            let log = log
            promise.futureResult.whenSuccess { log.sent(number, bytes: count) }
        }
        if case .chunked(let flaw) = response.framing {
            writeChunk(slices, flaw: flaw)
            write(ByteBuffer(), promise: promise)
        } else {
            for slice in slices.dropLast() { write(slice, promise: nil) }
            write(slices.last ?? ByteBuffer(), promise: promise)
        }
        sent += Int64(count)
    }

    private func slices(at offset: Int64, count: Int) -> [ByteBuffer] {
        switch response.body {
        case .bytes(let bytes): [ByteBuffer(bytes: bytes[Int(offset)..<Int(offset) + count])]
        case .content: reader?.slices(at: origin + offset, count: count) ?? []
        }
    }

    private func flipped(_ slices: [ByteBuffer], at place: Int) -> ByteBuffer {
        var bytes = slices.flatMap { Array($0.readableBytesView) }
        if bytes.indices.contains(place) { bytes[place] ^= 1 }
        return ByteBuffer(bytes: bytes)
    }

    private func writeChunk(_ slices: [ByteBuffer], flaw: Fault.ChunkFlaw) {
        let size = slices.reduce(0) { $0 + $1.readableBytes }
        let isBad = flaw == .size && sent > 0
        write(ByteBuffer(string: isBad ? "no size\r\n" : "\(String(size, radix: 16))\r\n"), promise: nil)
        for slice in slices { write(slice, promise: nil) }
        write(ByteBuffer(string: "\r\n"), promise: nil)
    }

    /// The body, or what a fault leaves of it, is written.
    private func finish() {
        if let (_, ending) = response.bodyEnd, goal == response.bodyEnd?.at { return end(ending) }
        var tail = ByteBuffer()
        if case .chunked(let flaw) = response.framing {
            switch flaw {
            case .none: tail.writeString("0\r\n\r\n")
            case .size: tail.writeString(response.bodyLength <= Int64(Self.piece) ? "no size\r\n" : "0\r\n\r\n")
            case .unfinished: break
            case .trailer: tail.writeString("0\r\nthis is no field\r\n\r\n")
            }
        }
        tail.writeRepeatingByte(UInt8(ascii: "!"), count: response.surplus)
        let isReusable = response.framing != .untilClose && !response.closesAfterwards
        written(tail) {
            if let number = self.number { self.log.end(number, .complete) }
            self.done(isReusable)
        }
    }

    /// Ends the connection as a fault says, after what was written has left.
    private func end(_ ending: Fault.Ending) {
        switch ending {
        case .silence:
            isSpent = true
            context.flush()
        case .close:
            written(ByteBuffer()) { self.cut { self.done(false) } }
        case .reset:
            written(ByteBuffer()) { self.whenDrained { self.cut { self.reset() } } }
        }
    }

    private func cut(_ body: () -> Void) {
        if let number { log.end(number, .cut) }
        body()
    }

    private func reset() {
        let channel = context.channel
        guard let options = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }

    /// A reset throws away what the kernel has not delivered; wait until the peer has acknowledged all.
    private func whenDrained(tries: Int = 200, _ body: @escaping () -> Void) {
        guard tries > 0, let options = context.channel as? any SocketOptionProvider else { return body() }
        options.getTCPInfo().assumeIsolated().whenComplete { result in
            if case .success(let info) = result, info.tcpi_unacked > 0 {
                self.after(.milliseconds(1)) { self.whenDrained(tries: tries - 1, body) }
            } else {
                body()
            }
        }
    }

    private func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        context.write(NIOAny(bytes), promise: promise)
    }

    /// Writes the last bytes; `body` runs when all of them are with the kernel.
    private func written(_ bytes: ByteBuffer, _ body: @escaping () -> Void) {
        isSpent = true
        context.writeAndFlush(NIOAny(bytes)).assumeIsolated().whenComplete { result in
            if case .success = result, !self.isGone { return body() }
            if let number = self.number { self.log.end(number, .abandoned) }
        }
    }

    private func after(_ delay: Duration, _ body: @escaping () -> Void) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            self.timer = nil
            body()
        }
    }
}
