// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// The first request for a result: its answer tells the size, and its body brings the first bytes.
final class Probe: ResultReceiver {
    private struct State: Sendable {
        var spool: Spool?
        var transfer: (any Transfer)?
        var download: Download?
        var verdict: FetchError?
        var details: ResultDetails?
        var request: Task<Void, Never>?
        var isStopped = false
    }

    private let id: ResultID
    private let range: Range<Int64>?
    private let fetcher: ResultFetcher
    let ticket = RequestTicket()
    private let state = Mutex(State())

    /// - Parameter range: Nil where the service is known to ignore ranges.
    init(_ id: ResultID, range: Range<Int64>?, fetcher: ResultFetcher) {
        self.id = id
        self.range = range
        self.fetcher = fetcher
    }

    /// Bytes of a body of unknown length that have arrived; nil where the length is known or nothing came yet.
    var spooled: Int64? { state.withLock { $0.spool }?.count }

    /// Ends it at once, also before the service has answered.
    func stop() {
        let request = state.withLock { state in
            state.isStopped = true
            return state.request
        }
        request?.cancel()
    }

    /// The task that makes the request.
    func begin(_ request: Task<Void, Never>) {
        let isStopped = state.withLock { state in
            state.request = request
            return state.isStopped
        }
        if isStopped { request.cancel() }
    }

    /// The request has ended; what its waiters are told, if they have not been told before.
    func finish(_ failure: ServiceFailure?) {
        let (spool, download, details, verdict) = state.withLock { ($0.spool, $0.download, $0.details, $0.verdict) }
        if let download {
            download.finished(failure)
        } else if let verdict {
            fetcher.probed(id, by: self, .failure(verdict))
        } else if let failure {
            fetcher.probed(id, by: self, .failure(FetchError(failure)))
        } else if let spool, let details {
            do throws(CacheError) {
                let (_, file) = try spool.finish(details)
                fetcher.probed(id, by: self, .success((file, false)))
            } catch {
                fetcher.probed(id, by: self, .failure(FetchError(error)))
            }
        } else {
            fetcher.probed(id, by: self, .failure(.contradiction("the service's answer has no result in it")))
        }
    }

    // MARK: ResultReceiver

    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow {
        let details = fetcher.details(of: id, answer)
        do throws(CacheError) {
            switch answer.kind {
            case .part(let part, let total):
                guard let range, part == range.clamped(to: 0..<total) else {
                    return refuse(.contradiction("bytes \(part) of \(total) came for the first bytes of the result"))
                }
                return adopt(try fetcher.record(id, size: total, details), part, isStream: false, transfer)
            case .whole(let length?):
                if range != nil, length > 0 { fetcher.source.rangesAreIgnored() }
                return adopt(try fetcher.record(id, size: length, details), 0..<length, isStream: true, transfer)
            case .whole(nil):
                let spool = try fetcher.cache.spool(for: ResultKey(id))
                return state.withLock { state in
                    guard !state.isStopped else { return .stop }
                    (state.spool, state.details, state.transfer) = (spool, details, transfer)
                    return .proceed
                }
            case .unsatisfiable(total: 0):
                fetcher.probed(id, by: self, .success((try fetcher.record(id, size: 0, details), false)))
                return .stop
            case .unsatisfiable, .notModified:
                return refuse(.contradiction("the service says that the result has no first byte"))
            }
        } catch {
            return refuse(FetchError(error))
        }
    }

    func receive(_ bytes: RawSpan) -> Flow {
        let (spool, download, isStopped) = state.withLock { ($0.spool, $0.download, $0.isStopped) }
        if let download { return download.receive(bytes) }
        guard let spool, !isStopped else { return .stop }
        do throws(CacheError) {
            if try spool.append(bytes) { return .proceed }
            spool.whenRoom { [weak self] hasRoom in self?.goOn(hasRoom) }
            return .pause
        } catch {
            return refuse(FetchError(error))
        }
    }

    private func goOn(_ hasRoom: Bool) {
        let transfer = state.withLock { state in
            if !hasRoom { state.verdict = .cache(.noRoom) }
            return state.transfer
        }
        if hasRoom { transfer?.resume() } else { transfer?.stop() }
    }

    private func refuse(_ error: FetchError) -> Flow {
        state.withLock { $0.verdict = error }
        return .stop
    }

    /// The size is known: whoever waits for it goes on, and the body with it.
    private func adopt(_ file: CacheFile, _ range: Range<Int64>, isStream: Bool, _ transfer: any Transfer) -> Flow {
        guard let result = fetcher.probed(id, by: self, .success((file, isStream))), !range.isEmpty else {
            return .proceed
        }
        let download = result.adopt(range, transfer: transfer)
        state.withLock { $0.download = download }
        return .proceed
    }
}
