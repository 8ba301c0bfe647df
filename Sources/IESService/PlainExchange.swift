// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Synchronization

/// One request whose answer is small and taken as a whole: to those that issue credentials.
struct PlainExchange: Sendable {
    struct Answer: Sendable {
        let head: HTTPResponse
        let body: [UInt8]

        var status: Int { head.status.code }
    }

    private static let bodyLimit = 1 << 20

    let transport: any Transport
    let settings: ServiceSettings
    /// The longest it may take in all.
    var limit: Duration = .seconds(20)

    /// Redirects are not followed; a body without an end, or a larger one, is an error.
    func answer(to request: TransportRequest) async throws(TransportError) -> Answer {
        let receiver = Collector(limit: Self.bodyLimit)
        let result = await withTaskGroup(of: Result<Void, TransportError>?.self) { group in
            group.addTask { [transport] in
                do throws(TransportError) {
                    return .success(try await transport.exchange(request, with: receiver))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask { [settings, limit] in
                do { try await settings.alarm(settings.instant() + limit) } catch { return nil }
                return .failure(.timedOut(.response))
            }
            defer { group.cancelAll() }
            while let next = await group.next() {
                if let result = next { return result }
            }
            return .failure(.cancelled)
        }
        try result.get()
        guard let answer = receiver.answer else { throw .malformedResponse("there is no answer") }
        return answer
    }

    private final class Collector: ResponseReceiver {
        private let limit: Int
        private let state = Mutex<(head: HTTPResponse?, body: [UInt8])>((nil, []))

        init(limit: Int) { self.limit = limit }

        var answer: Answer? {
            state.withLock { state in state.head.map { Answer(head: $0, body: state.body) } }
        }

        func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow {
            state.withLock { $0.head = head }
            return .proceed
        }

        func receive(_ bytes: RawSpan) -> Flow {
            let piece = bytes.withUnsafeBytes { Array($0) }
            return state.withLock { state in
                state.body += piece
                return state.body.count <= limit ? .proceed : .stop
            }
        }
    }
}

extension TransportError {
    /// The end of a sentence: why nothing came.
    var clause: String {
        switch self {
        case .nameNotResolved(let host): "the name \(host) cannot be resolved"
        case .unreachable: "there is no route to it"
        case .connectionRefused: "the connection was refused"
        case .connectionReset: "the connection was reset"
        case .timedOut: "it does not answer"
        case .tls(let text): "it cannot be trusted: \(text)"
        case .malformedResponse(let text), .proxy(let text), .other(let text): text
        case .bodyCutShort: "its answer breaks off"
        case .stopped: "its answer is too large"
        case .cancelled: "nobody waits for it any longer"
        }
    }
}
