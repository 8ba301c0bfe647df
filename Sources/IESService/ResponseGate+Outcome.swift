// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Synchronization

extension ResponseGate {
    /// What the exchange came to, once the transport has returned.
    func outcome(of result: Result<Void, TransportError>) -> Outcome {
        let state = state.withLock { state in
            let ended = state
            // The transfer may hold this gate.
            state.phase = .waiting
            return ended
        }
        if state.isExpired {
            // A refusal is known by its head, however long its explanation takes.
            guard case .collecting(let collection) = state.phase, case .refusal = collection.intent else {
                return .failed(.deadline, isAnswered: false)
            }
            return outcome(of: collection, result)
        }
        if state.isStoppedByReceiver { return .failed(.transport(.stopped), isAnswered: true) }
        if case .failure(.cancelled) = result {
            return .failed(.transport(.cancelled), isAnswered: state.isAnswered)
        }
        switch state.phase {
        case .failed(let failure): return .failed(failure, isAnswered: state.isAnswered)
        case .discarding: return .delivered
        case .collecting(let collection): return outcome(of: collection, result)
        case .streaming(let received, let promised):
            return outcome(of: result, received, promised) ?? .delivered
        case .releasing(let release):
            // The transport may not end before it has handed over the bytes that made the hold too large.
            return outcome(of: result, Int64(release.index), .max) ?? .delivered
        case .waiting:
            return .failed(
                failure(of: result) ?? .malformed("The service sent no response."), isAnswered: state.isAnswered)
        }
    }

    private func failure(of result: Result<Void, TransportError>) -> ServiceFailure? {
        switch result {
        case .success: nil
        case .failure(let error): .transport(error)
        }
    }

    /// Nil when the body is whole.
    private func outcome(of result: Result<Void, TransportError>, _ received: Int64, _ promised: Int64?) -> Outcome? {
        if let failure = failure(of: result) { return .failed(failure, isAnswered: true) }
        guard received == promised ?? received else {
            return .failed(.transport(.bodyCutShort(received: received)), isAnswered: true)
        }
        return nil
    }

    private func outcome(of collection: Collection, _ result: Result<Void, TransportError>) -> Outcome {
        let head = collection.head
        switch collection.intent {
        case .redirect(let location): return .redirected(status: head.status.code, location: location)
        case .refusal: return .refused(refusal(collection), serverDate: serverDate(head))
        case .document:
            return failed(collection, result) ?? suspected(collection) ?? .document(collection.bytes)
        case .held(let answer, _):
            return failed(collection, result) ?? suspected(collection) ?? .held(answer, collection.bytes)
        }
    }

    /// Nil when the collected body is whole.
    private func failed(_ collection: Collection, _ result: Result<Void, TransportError>) -> Outcome? {
        if let failure = failure(of: result) { return .failed(failure, isAnswered: false) }
        let count = Int64(collection.bytes.count)
        let promised = collection.promised ?? count
        guard count != promised else { return nil }
        return .failed(
            count < promised
                ? .transport(.bodyCutShort(received: count))
                : .malformed("The service sent more bytes than it announced."), isAnswered: false)
    }

    private var url: String {
        switch purpose {
        case .result(_, let question): question.url
        case .document(_, let url): url
        }
    }

    private func refusal(_ collection: Collection) -> ServiceError {
        RefusalDecoder.decode(
            status: collection.head.status.code, fields: collection.head.headerFields, body: collection.bytes,
            at: now(), url: url)
    }

    /// The refusal that was sent with status 200.
    private func suspected(_ collection: Collection) -> Outcome? {
        RefusalDecoder.refusal(inResult: collection.bytes, fields: collection.head.headerFields, at: now(), url: url)
            .map { .refused($0, serverDate: serverDate(collection.head)) }
    }

    private func serverDate(_ head: HTTPResponse) -> Date? {
        head.headerFields[.date].flatMap { HTTPDate.parse($0, now: now()) }
    }
}
