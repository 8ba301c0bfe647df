// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import NIOCore

/// Hands one planned response to a receiver, as libcurl would have read it from the network.
struct InProcessDelivery<Receiver: ResponseReceiver>: Sendable {
    /// The most bytes libcurl hands over at once.
    private static var span: Int { 16_384 }
    /// libcurl's limits of one header line and of all of them.
    private static var lineLimit: Int { 100 << 10 }
    private static var headLimit: Int { 300 << 10 }

    let response: SimulatedResponse
    let request: TransportRequest
    let receiver: Receiver
    let transfer: InProcessTransfer
    let log: RequestLog
    let number: Int

    @concurrent
    func run() async throws(TransportError) {
        try await wait(response.latency, phase: .response)
        try await start()
        let expected = try expectedLength()
        let head = HTTPResponse(
            status: .init(code: response.status, reasonPhrase: HTTPStatus.reason(response.status)),
            headerFields: fields)
        try await offer { receiver.receive(head, of: transfer) }
        guard HTTPStatus.hasBody(response.status), request.head.method != .head else { return }
        try await deliver(expected: expected)
    }

    /// What happens before the body.
    private func start() async throws(TransportError) {
        switch response.start {
        case .head: break
        case .silence: try await silence(.response)
        case .close, .reset: throw .connectionReset("the connection ended before a response")
        case .transport(let error): throw error
        case .raw: throw .malformedResponse("no status line")
        }
        if let (_, ending) = response.headEnd {
            if ending == .silence { try await silence(.response) }
            throw .connectionReset("the connection ended in the middle of the head")
        }
        guard response.fields.allSatisfy({ $0.value.count < Self.lineLimit }),
            response.headBytes.count < Self.headLimit
        else { throw .malformedResponse("the head is too large") }
    }

    private var fields: HTTPFields {
        var fields = HTTPFields()
        for field in response.fields {
            guard let name = HTTPField.Name(field.name) else { continue }
            fields.append(HTTPField(name: name, lenientValue: field.value))
        }
        return fields
    }

    /// The length libcurl believes: the last `Content-Length`; nil where the end of the connection decides.
    private func expectedLength() throws(TransportError) -> Int64? {
        guard response.framing == .bare else { return nil }
        var expected: Int64?
        for field in response.fields where field.name.lowercased() == "content-length" {
            let text = field.text.trimmingPrefix { $0 == " " }
            guard let first = text.utf8.first, (0x30...0x39).contains(first) else {
                throw .malformedResponse("Invalid Content-Length: value")
            }
            // Too large for 64 bits: libcurl reads until the connection ends.
            expected = Int64(text.prefix { $0.isNumber })
        }
        return expected
    }

    private func deliver(expected: Int64?) async throws(TransportError) {
        let length = response.bodyLength
        let goal = min(length, response.bodyEnd?.at ?? .max, expected ?? .max)
        var sent: Int64 = 0
        let step = response.bytesPerSecond.map { min(Self.span, max(1, $0 / 20)) } ?? Self.span
        var reader: ContentReader?
        if case .content(let content, _) = response.body { reader = ContentReader(content) }
        while sent < goal {
            let count = Int(min(goal - sent, Int64(step)))
            if let rate = response.bytesPerSecond {
                try await wait(.seconds(Double(count) / Double(max(1, rate))), phase: .body)
            }
            for slice in slices(reader, at: sent, count: count) { try await hand(over: slice) }
            sent += Int64(count)
            if case .chunked(.size) = response.framing { throw .malformedResponse("bad chunk size") }
            if sent % (1 << 18) < Int64(step) { await Task.yield() }
        }
        try await end(sent: sent, expected: expected)
    }

    /// Everything there is was delivered: is it everything that was promised?
    private func end(sent: Int64, expected: Int64?) async throws(TransportError) {
        if let expected, sent == expected { return }
        if let (place, ending) = response.bodyEnd, place <= response.bodyLength {
            switch ending {
            case .silence: try await silence(.body)
            case .reset: throw .connectionReset("the connection was reset in the body")
            case .close: if response.framing != .untilClose { throw .bodyCutShort(received: sent) }
            }
            return
        }
        if expected != nil { throw .bodyCutShort(received: sent) }
        switch response.framing {
        case .chunked(.size): throw .malformedResponse("bad chunk size")
        case .chunked(.unfinished): throw .bodyCutShort(received: sent)
        case .chunked, .bare, .untilClose: break
        }
    }

    private func slices(_ reader: ContentReader?, at offset: Int64, count: Int) -> [ByteBuffer] {
        let slices: [ByteBuffer]
        switch response.body {
        case .bytes(let bytes): slices = [ByteBuffer(bytes: bytes[Int(offset)..<Int(offset) + count])]
        case .content(_, let range): slices = reader?.slices(at: range.lowerBound + offset, count: count) ?? []
        }
        let places = response.flippedBits.filter { (offset..<offset + Int64(count)).contains($0) }
        guard !places.isEmpty else { return slices }
        var bytes = slices.flatMap { Array($0.readableBytesView) }
        for place in places { bytes[Int(place - offset)] ^= 1 }
        return [ByteBuffer(bytes: bytes)]
    }

    private func hand(over slice: ByteBuffer) async throws(TransportError) {
        guard slice.readableBytes > 0 else { return }
        log.sent(number, bytes: slice.readableBytes)
        try await offer { slice.withUnsafeReadableBytes { receiver.receive($0.bytes) } }
    }

    /// Calls the receiver until it does not pause.
    private func offer(_ body: () -> Flow) async throws(TransportError) {
        while true {
            try check(transfer.end)
            transfer.arm()
            switch body() {
            case .proceed: return
            case .stop: throw .stopped
            case .pause: try check(await transfer.waitForResume())
            }
        }
    }

    private func wait(_ delay: Duration, phase: TransportError.Phase) async throws(TransportError) {
        guard delay > .zero else { return }
        guard delay < request.stallTimeout else { return try await silence(phase) }
        try check(await transfer.sleep(for: delay))
    }

    /// Nothing comes until the request's patience ends.
    private func silence(_ phase: TransportError.Phase) async throws(TransportError) {
        try check(await transfer.sleep(for: request.stallTimeout))
        throw .timedOut(phase)
    }

    private func check(_ wake: InProcessTransfer.Wake?) throws(TransportError) {
        switch wake {
        case .stopped: throw .stopped
        case .cancelled: throw .cancelled
        case .resumed, .timeout, nil: break
        }
    }
}
