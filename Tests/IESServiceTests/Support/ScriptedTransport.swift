// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import Synchronization

/// Answers each request as a test says, piece by piece, and keeps what it was asked.
final class ScriptedTransport: Transport {
    struct Response: Sendable {
        var status = 200
        var fields: [String] = []
        var pieces: [[UInt8]] = []
        /// Nil: the body is complete as its framing says, as far as the transport can tell.
        var error: TransportError?
        /// After the pieces nothing more comes.
        var isSilent = false
        /// There is not even a head.
        var hasHead = true

        /// A body with its length, in pieces as curl hands them over.
        static func body(_ status: Int, _ body: [UInt8], _ fields: [String] = [], piece: Int = 16384) -> Response {
            var response = Response(status: status, fields: ["Content-Length: \(body.count)"] + fields)
            response.pieces = stride(from: 0, to: body.count, by: piece).map {
                Array(body[$0..<min($0 + piece, body.count)])
            }
            return response
        }

        static func text(_ status: Int, _ text: String, _ fields: [String] = []) -> Response {
            body(status, Array(text.utf8), fields)
        }

        static func failure(_ error: TransportError) -> Response { Response(error: error, hasHead: false) }

        static let silence = Response(isSilent: true, hasHead: false)

        func cut(_ error: TransportError) -> Response {
            var response = self
            response.error = error
            return response
        }

        func silent() -> Response {
            var response = self
            response.isSilent = true
            return response
        }
    }

    private let answer: @Sendable (Int, TransportRequest) -> Response
    private let log = Mutex<[TransportRequest]>([])

    /// - Parameter answer: Gets the number of the request, from 0.
    init(_ answer: @escaping @Sendable (Int, TransportRequest) -> Response) {
        self.answer = answer
    }

    /// One response after the other; the last for all that follow.
    convenience init(_ responses: Response...) {
        self.init { number, _ in responses[min(number, responses.count - 1)] }
    }

    var requests: [TransportRequest] { log.withLock { $0 } }

    func exchange(_ request: TransportRequest, with receiver: some ResponseReceiver) async throws(TransportError) {
        let number = log.withLock { log in
            log.append(request)
            return log.count - 1
        }
        let response = answer(number, request)
        let transfer = ScriptedTransfer()
        if response.hasHead {
            let head = HTTPResponse(
                status: .init(code: response.status), headerFields: HTTPFields(lines: response.fields))
            try await transfer.obey(receiver.receive(head, of: transfer))
            for piece in response.pieces {
                while try await !transfer.obey(receiver.receive(piece.span.bytes)) {}
            }
        }
        if response.isSilent { try await transfer.wait() }
        if let error = response.error { throw error }
    }
}

/// Pauses as a receiver wants it.
private final class ScriptedTransfer: Transfer {
    private struct State {
        var isResumed = false
        var isStopped = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func resume() { wake { $0.isResumed = true } }
    func stop() { wake { $0.isStopped = true } }

    /// False: the same bytes are to be handed over again.
    @discardableResult
    func obey(_ flow: Flow) async throws(TransportError) -> Bool {
        switch flow {
        case .proceed:
            try check()
            return true
        case .stop: throw .stopped
        case .pause:
            try await wait()
            return false
        }
    }

    /// Until resumed, stopped or cancelled.
    func wait() async throws(TransportError) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.isResumed || state.isStopped || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            wake { _ in }
        }
        state.withLock { $0.isResumed = false }
        try check()
    }

    private func check() throws(TransportError) {
        if state.withLock({ $0.isStopped }) { throw .stopped }
        if Task.isCancelled { throw .cancelled }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
