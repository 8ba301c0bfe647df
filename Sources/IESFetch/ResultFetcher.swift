// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import IESCache
package import IESService
package import Logging
import Synchronization

/// Knows every result that was asked for, and asks the service for those it does not know: one probe for
/// each, however many wait for it.
package final class ResultFetcher: Sendable {
    /// What is known without asking.
    package enum Knowledge: Sendable {
        case result(FetchedResult)
        /// The service was asked a moment ago.
        case failed(FetchError)
    }

    private struct Weak: Sendable { weak let result: FetchedResult? }

    private struct Probing {
        let probe: Probe
        var waiting: [Int: (CheckedContinuation<Result<FetchedResult, FetchError>, Never>, ContinuousClock.Instant)] =
            [:]
    }

    private struct State {
        var results: [ResultID: Weak] = [:]
        var probes: [ResultID: Probing] = [:]
        var failures: [ResultID: (error: FetchError, until: ContinuousClock.Instant)] = [:]
        /// The version that another one on the server has replaced.
        var superseded: [ResultID: Int] = [:]
        var nextWait = 0
        var isShutDown = false
        var onChange: @Sendable (ResultID) -> Void = { _ in }
        var modified: @Sendable (ResultID) -> Timestamp? = { _ in nil }
    }

    let cache: BlockCache
    let source: SegmentSource
    private let connections: Connections
    private let settings: FetchSettings
    private let deadlines: Deadlines
    private let logger: Logger
    private let state = Mutex(State())

    package init(client: ServiceClient, cache: BlockCache, settings: FetchSettings, logger: Logger) {
        self.cache = cache
        self.settings = settings
        self.logger = logger
        source = SegmentSource(client: client, timeout: settings.timeout)
        connections = Connections(settings)
        deadlines = Deadlines(timeout: settings.timeout)
    }

    /// Called, from any thread, when a result turned out to be another one on the server: the name must be
    /// looked up again. It must not wait.
    package var onChange: @Sendable (ResultID) -> Void {
        get { state.withLock { $0.onChange } }
        set { state.withLock { $0.onChange = newValue } }
    }

    /// When the task of a result ended, if that is known: the first choice for its time of change.
    package var modified: @Sendable (ResultID) -> Timestamp? {
        get { state.withLock { $0.modified } }
        set { state.withLock { $0.modified = newValue } }
    }

    // MARK: Asking

    /// What memory and the index know; nil: `resolve` must ask the service.
    package func known(_ id: ResultID) -> Knowledge? {
        if let result = try? held(id) { return .result(result) }
        return state.withLock { state in
            guard let failure = state.failures[id] else { return nil }
            guard failure.until > .now else {
                state.failures[id] = nil
                return nil
            }
            return .failed(failure.error)
        }
    }

    /// The result, from what is known or from the service. Ends by the timeout; cancelling the task ends this
    /// wait at once, while the probe goes on for the others.
    package func resolve(_ id: ResultID) async throws(FetchError) -> FetchedResult {
        switch known(id) {
        case .result(let result): return result
        case .failed(let error): throw error
        case nil: break
        }
        let wait = state.withLock { state in
            defer { state.nextWait += 1 }
            return state.nextWait
        }
        let timer = Task { [settings] in
            var end = ContinuousClock.now + settings.timeout
            while true {
                try await Task.sleep(until: end)
                let ticket = state.withLock { $0.probes[id]?.probe }?.ticket
                guard let held = ticket?.lastHeldBack(at: .now), held + settings.timeout > end else { break }
                end = held + settings.timeout
            }
            expire(id, wait)
        }
        defer { timer.cancel() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in join(id, wait, continuation) }
        } onCancel: {
            leave(id, wait, .cancelled)
        }
        return try result.get()
    }

    /// Ends every download and every wait.
    package func shutdown() async {
        let (results, probes) = state.withLock { state in
            state.isShutDown = true
            defer { state.probes.removeAll() }
            return (state.results.values.compactMap(\.result), Array(state.probes.values))
        }
        for probing in probes {
            probing.probe.stop()
            for (continuation, _) in probing.waiting.values { continuation.resume(returning: .failure(.cancelled)) }
        }
        for result in results { result.shutdown() }
    }

    // MARK: Probes

    private func join(
        _ id: ResultID, _ wait: Int, _ continuation: CheckedContinuation<Result<FetchedResult, FetchError>, Never>
    ) {
        let started = state.withLock { state -> Probe?? in
            guard !Task.isCancelled, !state.isShutDown else { return .none }
            if state.probes[id] != nil {
                state.probes[id]?.waiting[wait] = (continuation, .now)
                return .some(nil)
            }
            let probe = Probe(id, range: source.honoursRanges ? 0..<settings.probe : nil, fetcher: self)
            state.probes[id] = Probing(probe: probe, waiting: [wait: (continuation, .now)])
            return probe
        }
        switch started {
        case .none: continuation.resume(returning: .failure(.cancelled))
        case .some(nil): break
        case .some(let probe?):
            let range = source.honoursRanges ? 0..<settings.probe : nil
            let request = Task {
                var failure: ServiceFailure?
                do throws(ServiceFailure) {
                    try await source.fetch(id, range: range, ifRange: nil, ticket: probe.ticket, into: probe)
                } catch {
                    failure = error
                }
                probe.finish(failure)
            }
            probe.begin(request)
        }
    }

    private func expire(_ id: ResultID, _ wait: Int) {
        let received = state.withLock { $0.probes[id]?.probe }?.spooled
        leave(id, wait, .deadline(received: received))
    }

    private func leave(_ id: ResultID, _ wait: Int, _ error: FetchError) {
        let (waiting, isLast) = state.withLock { state in
            let waiting = state.probes[id]?.waiting.removeValue(forKey: wait)
            return (waiting, state.probes[id]?.waiting.isEmpty ?? false)
        }
        guard let waiting else { return }
        waiting.0.resume(returning: .failure(error))
        // A body of unknown length goes on to its end: the next `stat` finds it there. Anything else lingers.
        guard isLast else { return }
        Task { [settings] in
            try? await Task.sleep(for: settings.linger)
            let probe = state.withLock { state -> Probe? in
                guard let probing = state.probes[id], probing.waiting.isEmpty, probing.probe.spooled == nil else {
                    return nil
                }
                state.probes[id] = nil
                return probing.probe
            }
            probe?.stop()
        }
    }

    /// The probe's answer: tells everyone who waits, and returns the result.
    @discardableResult
    func probed(
        _ id: ResultID, by probe: Probe, _ outcome: Result<(CacheFile, isStream: Bool), FetchError>
    ) -> FetchedResult? {
        let (waiting, result) = state.withLock { state in
            let isCurrent = state.probes[id]?.probe === probe
            let waiting = isCurrent ? state.probes.removeValue(forKey: id)?.waiting.values.map(\.0) : nil
            let result = outcome.map { answer in
                let result = make(id, answer.0, isStream: answer.isStream)
                result.noteAnswer()
                state.results[id] = Weak(result: result)
                state.failures[id] = nil
                return result
            }
            if case .failure(let error) = result, isCurrent, error != .cancelled {
                state.failures[id] = (error, .now + lifetime(of: error))
            }
            return (waiting ?? [], result)
        }
        for continuation in waiting { continuation.resume(returning: result) }
        return try? result.get()
    }

    private func lifetime(of error: FetchError) -> Duration {
        guard case .service(.refused(let refusal)) = error, refusal.code == "MSS.000000004" else {
            return settings.errorTTL
        }
        return max(settings.deniedTTL, settings.errorTTL)
    }

    /// Records the size of a result, for good.
    func record(_ id: ResultID, size: Int64, _ details: ResultDetails) throws(CacheError) -> CacheFile {
        let record = try cache.add(NewResult(key: ResultKey(id), size: size, details: details))
        return try cache.file(for: record)
    }

    func details(of id: ResultID, _ answer: ResultAnswer) -> ResultDetails {
        let modified =
            state.withLock { $0.modified }(id)
            ?? (answer.lastModified ?? answer.date).map(Timestamp.init) ?? Timestamp(Date())
        return ResultDetails(
            etag: answer.validator.etag, lastModified: answer.validator.lastModified, mediaType: answer.mediaType,
            filename: answer.filename, modified: modified, originURL: answer.url)
    }

    // MARK: Results

    /// A version of a result, for whoever has it open since an earlier run; one that is not the newest counts as changed:
    /// what is held of it can be read. Nil if nothing is known of it.
    package func version(_ number: Int, of id: ResultID) -> FetchedResult? {
        if let result = try? held(id), result.record.version == number { return result }
        guard let record = try? cache.version(number, of: ResultKey(id)), let file = try? cache.file(for: record) else {
            return nil
        }
        let result = make(id, file, isStream: false)
        result.fetching.withLock { $0.isChanged = true }
        return result
    }

    private func held(_ id: ResultID) throws(CacheError) -> FetchedResult? {
        if let result = state.withLock({ $0.results[id]?.result }) { return result }
        guard let record = try cache.latest(ResultKey(id)) else { return nil }
        if let old = state.withLock({ $0.superseded[id] }), record.version <= old { return nil }
        let file = try cache.file(for: record)
        return state.withLock { state in
            if let result = state.results[id]?.result { return result }
            let result = make(id, file, isStream: !source.honoursRanges)
            state.results[id] = Weak(result: result)
            return result
        }
    }

    private func make(_ id: ResultID, _ file: CacheFile, isStream: Bool) -> FetchedResult {
        FetchedResult(
            id: id, file: file, source: source, connections: connections, isStream: isStream, settings: settings,
            deadlines: deadlines
        ) { [weak self] result in self?.changed(result) }
    }

    private func changed(_ result: FetchedResult) {
        let notify = state.withLock { state in
            if state.results[result.id]?.result === result { state.results[result.id] = nil }
            state.superseded[result.id] = max(state.superseded[result.id] ?? 0, result.record.version)
            return state.onChange
        }
        logger.notice("a result changed on the server", metadata: ["result": "\(result.id)"])
        notify(result.id)
    }
}

extension ResultKey {
    init(_ id: ResultID) { self.init(project: id.project.rawValue, task: id.task.rawValue) }
}

extension Timestamp {
    init(_ date: Date) {
        let seconds = date.timeIntervalSince1970.rounded(.down)
        let nanoseconds = (date.timeIntervalSince1970 - seconds) * 1e9
        self.init(seconds: Int64(seconds), nanoseconds: Int32(min(999_999_999, nanoseconds)))
    }
}
