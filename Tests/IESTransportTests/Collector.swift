// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import IESTransport
import Synchronization

/// A receiver that keeps all it gets, and steers as it is told.
final class Collector: ResponseReceiver {
    private struct State {
        var head: HTTPResponse?
        var transfer: (any Transfer)?
        var bytes: [UInt8] = []
        var calls = 0
        var largestPiece = 0
        var isOver = false
        var calledLate = false
    }

    private let state = Mutex(State())
    private let onHead: @Sendable (HTTPResponse, any Transfer) -> Flow
    private let onBytes: @Sendable (RawSpan, any Transfer) -> Flow

    /// - Parameter onBytes: Bytes it lets pass are kept.
    init(
        onHead: @escaping @Sendable (HTTPResponse, any Transfer) -> Flow = { _, _ in .proceed },
        onBytes: @escaping @Sendable (RawSpan, any Transfer) -> Flow = { _, _ in .proceed }
    ) {
        self.onHead = onHead
        self.onBytes = onBytes
    }

    var head: HTTPResponse? { state.withLock { $0.head } }
    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var calls: Int { state.withLock { $0.calls } }
    var largestPiece: Int { state.withLock { $0.largestPiece } }
    /// Whether the receiver was called after the exchange had returned.
    var calledLate: Bool { state.withLock { $0.calledLate } }

    func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow {
        state.withLock { state in
            state.calledLate = state.calledLate || state.isOver
            state.head = head
            state.transfer = transfer
        }
        return onHead(head, transfer)
    }

    func receive(_ bytes: RawSpan) -> Flow {
        let transfer = state.withLock { state in
            state.calledLate = state.calledLate || state.isOver
            state.calls += 1
            state.largestPiece = max(state.largestPiece, bytes.byteCount)
            return state.transfer
        }
        guard let transfer else { return .stop }
        let flow = onBytes(bytes, transfer)
        guard flow == .proceed else { return flow }
        let copy = bytes.withUnsafeBytes { Array($0) }
        state.withLock { $0.bytes += copy }
        return flow
    }

    func exchangeIsOver() { state.withLock { $0.isOver = true } }
}

/// A transport that uses no proxy, whatever the environment says.
func makeTransport() -> CurlTransport { CurlTransport(settings: CurlSettings(proxy: "")) }

/// A GET of `path` from `authority` with timeouts no test should reach.
func request(
    _ authority: String, _ path: String = "/", scheme: String = "http", method: HTTPRequest.Method = .get,
    fields: HTTPFields = [:], body: [UInt8] = [], requiresHTTP1: Bool = true, connect: Duration = .seconds(20),
    stall: Duration = .seconds(20)
) -> TransportRequest {
    TransportRequest(
        head: HTTPRequest(method: method, scheme: scheme, authority: authority, path: path, headerFields: fields),
        body: body, requiresHTTP1: requiresHTTP1, connectTimeout: connect, stallTimeout: stall)
}

/// Runs one exchange to its end.
///
/// - Parameter transport: Nil for one of its own: a kept connection could lead to a server that is gone, whose port a
///   later test's server has got.
/// - Returns: The error; nil for a whole response.
@discardableResult
func run(
    _ request: TransportRequest, into collector: Collector = Collector(), over transport: CurlTransport? = nil
) async -> TransportError? {
    let own = transport == nil ? makeTransport() : nil
    defer {
        collector.exchangeIsOver()
        own?.shutdown()
    }
    guard let transport = transport ?? own else { return nil }
    do throws(TransportError) {
        try await transport.exchange(request, with: collector)
        return nil
    } catch {
        return error
    }
}

/// Something one side waits for and the other does, once.
final class Signal: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Void, Never>])
        case given
    }

    private let state = Mutex(State.waiting([]))

    func give() {
        let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
            guard case .waiting(let waiters) = state else { return [] }
            state = .given
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isGiven = state.withLock { state in
                guard case .waiting(let waiters) = state else { return true }
                state = .waiting(waiters + [continuation])
                return false
            }
            if isGiven { continuation.resume() }
        }
    }
}

/// Bytes in which each place differs from its neighbours near and far, so that a lost, doubled or moved one shows.
func pattern(_ count: Int) -> [UInt8] {
    // Words that count up: repeated at no distance.
    let words = (0..<UInt32((count + 3) / 4)).map { $0 &* 2_654_435_761 }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
}

/// `bytes` as a chunked body with chunks of these sizes, again and again.
func chunked(_ bytes: [UInt8], sizes: [Int]) -> [UInt8] {
    var body: [UInt8] = []
    var rest = bytes[...]
    var turn = 0
    while !rest.isEmpty {
        let chunk = rest.prefix(sizes[turn % sizes.count])
        body += Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + [13, 10]
        rest = rest.dropFirst(chunk.count)
        turn += 1
    }
    return body + Array("0\r\n\r\n".utf8)
}
