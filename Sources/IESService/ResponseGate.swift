// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Synchronization

/// Stands between a transport and the receiver of a result: lets through what is an answer, keeps what is not.
///
/// Counts the bytes of a body against what its head promised, whatever the transport did. A small JSON document is
/// held back until it is known not to be a refusal. Used for one exchange.
final class ResponseGate: ResponseReceiver {
    enum Purpose: Sendable {
        case result(any ResultReceiver, ResultQuestion)
        /// A JSON document of at most `limit` bytes, collected.
        case document(limit: Int, url: String)
    }

    /// What one exchange came to.
    enum Outcome: Sendable {
        /// The answer and all its bytes have been delivered.
        case delivered
        /// The answer is known to be one, and is still to be delivered.
        case held(ResultAnswer, [UInt8])
        case document([UInt8])
        case redirected(status: Int, location: String)
        /// With the service's clock, where it told it.
        case refused(ServiceError, serverDate: Date?)
        /// `isAnswered`: the receiver has its answer, so the call cannot be tried again.
        case failed(ServiceFailure, isAnswered: Bool)
    }

    struct State {
        var phase = Phase.waiting
        var isAnswered = false
        var isExpired = false
        var isStoppedByReceiver = false
    }

    enum Phase {
        case waiting
        case streaming(received: Int64, promised: Int64?)
        case collecting(Collection)
        case releasing(Release)
        case discarding(Int)
        case failed(ServiceFailure)
    }

    struct Collection {
        enum Intent {
            case document(limit: Int)
            case held(ResultAnswer, any Transfer)
            case refusal
            case redirect(String)
        }

        let intent: Intent
        let head: HTTPResponse
        let promised: Int64?
        var bytes: [UInt8] = []

        var limit: Int {
            switch intent {
            case .document(let limit): limit
            case .held: ResponseVerdict.suspicionLimit
            case .refusal, .redirect: RefusalDecoder.bodyLimit
            }
        }
    }

    /// A held answer that has grown too large to be a refusal, on its way to the receiver.
    struct Release {
        let answer: ResultAnswer
        let transfer: any Transfer
        let bytes: [UInt8]
        let promised: Int64?
        var isToldAnswer = false
        var index = 0
    }

    let purpose: Purpose
    let now: @Sendable () -> Date
    private let onAnswer: @Sendable () -> Void
    let state = Mutex(State())

    /// - Parameter onAnswer: Called when the answer is known to be one, which may be long before its last byte.
    init(_ purpose: Purpose, now: @escaping @Sendable () -> Date, onAnswer: @escaping @Sendable () -> Void = {}) {
        self.purpose = purpose
        self.now = now
        self.onAnswer = onAnswer
    }

    /// The call's deadline has come. False: too late, the receiver has its answer already.
    func expire() -> Bool {
        state.withLock { state in
            guard !state.isAnswered else { return false }
            state.isExpired = true
            return true
        }
    }

    // The calls of a transport come one at a time, so what is read from the state here cannot have changed when it is
    // written back, but for `isExpired`. No receiver is called with the lock held.

    func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow {
        switch verdict(head) {
        case .stream(let answer, let promised):
            tell(answer, transfer, then: .streaming(received: 0, promised: promised))
        case .tell(let answer):
            tell(answer, transfer, then: .discarding(0))
        case .hold(let answer, let promised):
            enter(.collecting(Collection(intent: .held(answer, transfer), head: head, promised: promised)))
        case .collect(let promised):
            enter(.collecting(Collection(intent: .document(limit: documentLimit), head: head, promised: promised)))
        case .redirect(let location):
            enter(.collecting(Collection(intent: .redirect(location), head: head, promised: nil)))
        case .refuse:
            enter(.collecting(Collection(intent: .refusal, head: head, promised: nil)))
        case .fail(let failure):
            fail(failure)
        }
    }

    func receive(_ bytes: RawSpan) -> Flow {
        switch state.withLock({ $0.phase }) {
        case .streaming(let received, let promised): stream(bytes, received, promised)
        case .collecting: collect(bytes.withUnsafeBytes { Array($0) })
        case .releasing(let release): self.release(release, then: bytes)
        case .discarding(let count): discard(count + bytes.byteCount)
        case .waiting, .failed: .stop
        }
    }

    private func verdict(_ head: HTTPResponse) -> ResponseVerdict {
        switch purpose {
        case .result(_, let question): ResponseVerdict.judge(head, question, now: now())
        case .document: ResponseVerdict.judgeDocument(head)
        }
    }

    private var documentLimit: Int {
        switch purpose {
        case .result: ResponseVerdict.suspicionLimit
        case .document(let limit, _): limit
        }
    }

    private func enter(_ phase: Phase) -> Flow {
        state.withLock { state in
            guard !state.isExpired else { return .stop }
            state.phase = phase
            return .proceed
        }
    }

    private func fail(_ failure: ServiceFailure) -> Flow {
        state.withLock { $0.phase = .failed(failure) }
        return .stop
    }

    /// Notes that the receiver wants no more.
    private func noted(_ flow: Flow) -> Flow {
        if case .stop = flow { state.withLock { $0.isStoppedByReceiver = true } }
        return flow
    }

    /// From here on the call has its answer: the deadline no longer ends it.
    private func markAnswered(_ phase: Phase) -> Bool {
        let isInTime = state.withLock { state in
            guard !state.isExpired else { return false }
            state.isAnswered = true
            state.phase = phase
            return true
        }
        if isInTime { onAnswer() }
        return isInTime
    }

    private func tell(_ answer: ResultAnswer, _ transfer: any Transfer, then phase: Phase) -> Flow {
        guard case .result(let receiver, _) = purpose, markAnswered(phase) else { return .stop }
        return noted(receiver.receive(answer, of: transfer))
    }

    private func stream(_ bytes: RawSpan, _ received: Int64, _ promised: Int64?) -> Flow {
        guard case .result(let receiver, _) = purpose else { return .stop }
        let total = received + Int64(bytes.byteCount)
        guard total <= promised ?? .max else {
            return fail(.malformed("The service sent more bytes than it announced."))
        }
        let flow = noted(receiver.receive(bytes))
        if case .proceed = flow { state.withLock { $0.phase = .streaming(received: total, promised: promised) } }
        return flow
    }

    private func discard(_ count: Int) -> Flow {
        state.withLock { $0.phase = .discarding(count) }
        return count <= RefusalDecoder.bodyLimit ? .proceed : .stop
    }

    /// Keeps `bytes`; at the limit it is decided what that means.
    private func collect(_ bytes: [UInt8]) -> Flow {
        let full: Collection? = state.withLock { state in
            guard case .collecting(var collection) = state.phase else { return nil }
            // Not to copy what is there while it is added to.
            state.phase = .waiting
            let room = collection.limit - collection.bytes.count
            // These are for the receiver, after what was held.
            if case .held = collection.intent, bytes.count > room {
                state.phase = .collecting(collection)
                return collection
            }
            collection.bytes += bytes.prefix(room)
            state.phase = .collecting(collection)
            return bytes.count > room ? collection : nil
        }
        guard let full else { return .proceed }
        switch full.intent {
        case .refusal, .redirect: return .stop
        case .document: return fail(.malformed("The service's document is larger than \(full.limit) bytes."))
        case .held(let answer, let transfer):
            let release = Release(answer: answer, transfer: transfer, bytes: full.bytes, promised: full.promised)
            return bytes.withUnsafeBytes { self.release(release, then: $0.bytes) }
        }
    }

    private static let pieceLimit = 16384

    /// Hands over what was held, then `bytes`. When the receiver pauses, the transport brings `bytes` again.
    private func release(_ release: Release, then bytes: RawSpan) -> Flow {
        guard case .result(let receiver, _) = purpose else { return .stop }
        var release = release
        if !release.isToldAnswer {
            release.isToldAnswer = true
            guard markAnswered(.releasing(release)) else { return .stop }
            let flow = noted(receiver.receive(release.answer, of: release.transfer))
            guard case .proceed = flow else { return flow }
        }
        while release.index < release.bytes.count {
            let end = min(release.index + Self.pieceLimit, release.bytes.count)
            let flow = noted(receiver.receive(release.bytes.span.bytes.extracting(release.index..<end)))
            guard case .proceed = flow else { return flow }
            release.index = end
            state.withLock { [release] in $0.phase = .releasing(release) }
        }
        let received = Int64(release.bytes.count)
        state.withLock { [release] in $0.phase = .streaming(received: received, promised: release.promised) }
        return stream(bytes, received, release.promised)
    }
}
