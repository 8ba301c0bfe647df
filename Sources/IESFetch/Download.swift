// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// One request for bytes of a result of known size: checks that the answer is what was asked for, and
/// stores what arrives.
final class Download: ResultReceiver {
    private struct State: Sendable {
        var request: Task<Void, Never>?
        var transfer: (any Transfer)?
        var writer: BlockWriter?
        /// Why it ends, where the transport only knows that it was stopped.
        var verdict: FetchError?
        var isStopped = false
        /// It brings the whole, and is held while nobody reads.
        var mayBeHeld = false
    }

    let id: Int
    let range: Range<Int64>
    /// Raised when a reader waits for what it brings.
    let ticket = RequestTicket(.readAhead)
    private let owner: FetchedResult
    private let state = Mutex(State())

    init(_ id: Int, range: Range<Int64>, of owner: FetchedResult) {
        self.id = id
        self.range = range
        self.owner = owner
    }

    /// The same for a body whose answer has been seen already, by the probe.
    init(_ id: Int, range: Range<Int64>, of owner: FetchedResult, transfer: any Transfer) {
        self.id = id
        self.range = range
        self.owner = owner
        state.withLock {
            $0.transfer = transfer
            $0.writer = owner.file.writer(at: range.lowerBound)
            $0.mayBeHeld = true
        }
    }

    /// Ends it at once, also before the service has answered.
    func stop() {
        let (request, transfer) = state.withLock { state in
            state.isStopped = true
            return (state.request, state.transfer)
        }
        request?.cancel()
        transfer?.stop()
    }

    /// The task that makes the request.
    func begin(_ request: Task<Void, Never>) {
        let isStopped = state.withLock { state in
            state.request = request
            return state.isStopped
        }
        if isStopped { request.cancel() }
    }

    /// The request has ended.
    func finished(_ failure: ServiceFailure?) { owner.ended(id, ending(failure)) }

    func resume() { state.withLock { $0.transfer }?.resume() }

    /// Why the download ended, given how its request did; nil: as it should.
    private func ending(_ failure: ServiceFailure?) -> FetchError? {
        let (verdict, isStopped) = state.withLock { ($0.verdict, $0.isStopped) }
        if let verdict { return verdict }
        guard let failure else { return nil }
        if failure == .transport(.stopped) || failure == .transport(.cancelled), isStopped { return .cancelled }
        return FetchError(failure)
    }

    // MARK: ResultReceiver

    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow {
        switch owner.judge(answer, to: range, download: id) {
        case .success(let start):
            return state.withLock { state in
                guard !state.isStopped else { return .stop }
                state.transfer = transfer
                state.writer = owner.file.writer(at: start)
                if case .whole = answer.kind { state.mayBeHeld = true }
                return .proceed
            }
        case .failure(let error):
            state.withLock { $0.verdict = error }
            return .stop
        }
    }

    func receive(_ bytes: RawSpan) -> Flow {
        let (writer, isStopped, mayBeHeld) = state.withLock { ($0.writer, $0.isStopped, $0.mayBeHeld) }
        guard let writer, !isStopped else { return .stop }
        // Before they are stored: bytes that are paused come again.
        if mayBeHeld, owner.holds(id, at: writer.position) { return .pause }
        do throws(CacheError) {
            let progress = try writer.append(bytes)
            if progress.mustWait {
                owner.file.whenRoom { [weak self] in self?.resume() }
                return .pause
            }
            guard !progress.contradicts else {
                state.withLock { $0.verdict = .changed }
                return .stop
            }
            return owner.arrived(id, upTo: progress.position, count: bytes.byteCount)
        } catch {
            state.withLock { $0.verdict = FetchError(error) }
            return .stop
        }
    }
}

extension FetchError {
    init(_ failure: ServiceFailure) {
        switch failure {
        case .deadline, .transport(.timedOut): self = .deadline(received: nil)
        case .contradiction(let text): self = .contradiction(text)
        case .transport(.cancelled), .transport(.stopped): self = .cancelled
        default: self = .service(failure)
        }
    }
}
