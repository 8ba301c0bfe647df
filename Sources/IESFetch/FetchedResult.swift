// SPDX-License-Identifier: Apache-2.0

package import IESCache
package import IESService
import Synchronization

/// One version of a result: what of it is held, and the downloads that bring the rest. All handles share it.
package final class FetchedResult: Sendable {
    /// What `user.ies.state` says.
    package enum State: String, Sendable { case remote, partial, cached }

    package let id: ResultID
    package let record: ResultRecord
    let file: CacheFile
    let source: SegmentSource
    let connections: Connections
    /// Names it among the results that share connections.
    let number: Int
    let settings: FetchSettings
    /// Written where `fetching` is locked; a lock of its own is never taken inside but the cache's.
    let fetching: Mutex<Fetching>
    let freshness = Mutex(Freshness())
    /// The end of the furthest read of a reader that goes on.
    let furthestRead = Atomic<Int64>(0)
    /// A waiting read must be looked at by the deadline timer.
    private let deadlines: Deadlines
    let onChange: @Sendable (FetchedResult) -> Void

    init(
        id: ResultID, file: CacheFile, source: SegmentSource, connections: Connections, isStream: Bool,
        settings: FetchSettings, deadlines: Deadlines, onChange: @escaping @Sendable (FetchedResult) -> Void
    ) {
        self.id = id
        record = file.record
        self.file = file
        self.source = source
        self.connections = connections
        number = connections.newNumber()
        self.settings = settings
        self.deadlines = deadlines
        self.onChange = onChange
        fetching = Mutex(
            Fetching(
                plan: FetchPlan(size: file.record.size, isStream: isStream, limit: 0, parallel: 1),
                climb: ConnectionClimb(most: settings.connectionsPerResult)))
    }

    /// In bytes.
    package var size: Int64 { record.size }
    /// Bytes in the cache.
    package var cachedBytes: Int64 { file.heldBytes }

    package var state: State {
        if file.isComplete { return .cached }
        return file.heldBytes > 0 ? .partial : .remote
    }

    /// The last failure of a read; nil after the next success.
    package var lastFailure: FetchError? { fetching.withLock { $0.lastFailure } }
    /// Whether the server has another content now.
    package var isChanged: Bool { fetching.withLock { $0.isChanged } }

    // MARK: Reading

    /// Fills `buffer` from `offset`, in full up to the end of the file, and returns the count. Nil: it must
    /// wait, see `prepare`. Never waits for the network or the disk.
    package func readNow(at offset: Int64, into buffer: inout MutableRawSpan) -> Int? {
        guard case .read(let count) = file.readNow(at: offset, into: &buffer) else { return nil }
        return count
    }

    /// Waits for what `readNow` lacks of `range`, at most `timeout` without a byte arriving: first for the bytes that are
    /// missing and, when it is called again, for what is held to be verified or to come from the disk.
    ///
    /// Cancelling the task ends the wait at once with `.cancelled`; the download lingers.
    package func prepare(_ range: Range<Int64>, for stream: ReadStream? = nil) async throws(FetchError) {
        let range = range.clamped(to: 0..<size)
        guard !range.isEmpty else { return }
        let wish = stream?.note(range)
        if file.missing(in: range).isEmpty {
            do throws(CacheError) {
                try await file.prepare(range)
            } catch {
                throw FetchError(error)
            }
            // Verification may have dropped blocks.
            guard !file.missing(in: range).isEmpty else {
                if let wish, let stream { readAhead(wish, for: stream) }
                return
            }
        }
        for turn in 0...FetchPlan.restarts {
            guard !file.missing(in: range).isEmpty else { return }
            try await fetch(range, for: stream, with: turn == 0 ? wish : nil)
        }
        // Where ranges are honoured, asking once more costs little.
        guard fetching.withLock({ $0.plan.isStream }), !file.missing(in: range).isEmpty else { return }
        throw .cache(.tooSmall(size: size, limit: file.cacheLimit))
    }

    /// Waits until `range` has come. It may be gone again: the cache may be smaller than what comes at a time.
    private func fetch(
        _ range: Range<Int64>, for stream: ReadStream?, with wish: ReadPattern.Wish?
    ) async throws(FetchError) {
        let read = fetching.withLock { fetching in
            defer { fetching.nextRead += 1 }
            return fetching.nextRead
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                begin(read, range, stream, continuation)
                // Only now: what the read itself needs goes into one request with what follows.
                if let wish, let stream { readAhead(wish, for: stream) }
            }
        } onCancel: {
            cancel(read)
        }
        try result.get()
    }

    /// Says of an open file what it reads, so that its downloads keep ahead of it.
    ///
    /// - Parameter priority: Of the requests that its reads wait for.
    package func makeStream(priority: RequestPriority = .reading) -> ReadStream {
        let held = fetching.withLock { fetching in
            fetching.openStreams += 1
            return fetching.releaseHold()
        }
        held?.resume()
        file.openings.add(1, ordering: .relaxed)
        return ReadStream(of: self, settings: settings, priority: priority)
    }

    private func begin(
        _ read: Int, _ range: Range<Int64>, _ stream: ReadStream?,
        _ continuation: Fetching.Continuation
    ) {
        let hull = hull(of: range, for: stream)
        let now = ContinuousClock.now
        let effects = fetching.withLock { fetching -> Effects in
            guard !Task.isCancelled else { return .answer(continuation, .failure(.cancelled)) }
            let missing = file.missing(in: hull)
            guard missing.contains(where: { $0.overlaps(range) }) else { return .answer(continuation, .success(())) }
            if fetching.isChanged { return .answer(continuation, .failure(.changed)) }
            if let known = fetching.failure(in: missing, now: now) { return .answer(continuation, .failure(known)) }
            let priority = stream?.priority ?? .reading
            fetching.waiting[read] = Fetching.Waiting(
                continuation: continuation, deadline: now + settings.timeout, stream: stream.map(ObjectIdentifier.init),
                priority: priority)
            let held = fetching.releaseHold()
            var effects = carryOut(fetching.plan.read(read, range: range, missing: missing), &fetching)
            effects.resumed = held
            for (id, download) in fetching.downloads where fetching.plan.serves(id, read: read) {
                download.ticket.raise(to: priority)
            }
            return effects
        }
        perform(effects)
        deadlines.watch(self)
    }

    /// A read of `range`, and what is fetched with it in one request.
    private func hull(of range: Range<Int64>, for stream: ReadStream?) -> Range<Int64> {
        let limit = windowLimit(connections: 1)
        let near = max(0, range.lowerBound - limit)..<range.upperBound + limit
        let hull = (stream?.hull(of: range) ?? range).clamped(to: near).clamped(to: 0..<size)
        let tail = max(0, size - settings.tail)
        guard range.upperBound > size - settings.tail / 8, hull.lowerBound > tail else { return hull }
        return tail..<hull.upperBound
    }

    private func cancel(_ read: Int) {
        let effects = fetching.withLock { fetching in
            fetching.plan.cancel(read: read)
            var effects = carryOut([], &fetching)
            if let waiting = fetching.waiting.removeValue(forKey: read) {
                effects.answers.append((waiting.continuation, .failure(.cancelled)))
            }
            return effects
        }
        perform(effects)
        lingerIfUnread()
    }

    // MARK: Readers that leave

    func streamClosed(_ stream: Int) {
        file.openings.subtract(1, ordering: .relaxed)
        let effects = fetching.withLock { fetching in
            fetching.openStreams -= 1
            fetching.forget(stream)
            return carryOut([], &fetching)
        }
        perform(effects)
        lingerIfUnread()
    }

    /// The reader of `stream` has closed a descriptor while its reads wait: unless it reads again, they are answered.
    func readerLeft(_ stream: ReadStream) {
        let left = fetching.withLock { fetching in
            fetching.waiting.filter { $0.value.stream == ObjectIdentifier(stream) }.map(\.key)
        }
        guard !left.isEmpty else { return }
        let generation = stream.generation
        Task { [settings] in
            try? await Task.sleep(for: settings.linger)
            guard stream.generation == generation else { return }
            for read in left { cancel(read) }
        }
    }

    private func lingerIfUnread() {
        let isUnread = fetching.withLock { $0.isUnread }
        guard isUnread else { return }
        Task { [settings] in
            try? await Task.sleep(for: settings.linger)
            dropIfUnread()
        }
    }

    func dropIfUnread() {
        let effects = fetching.withLock { fetching in
            fetching.isUnread ? carryOut(fetching.plan.dropUnneeded(), &fetching) : Effects()
        }
        perform(effects)
    }
}

extension ResultRecord {
    var validator: Validator { Validator(etag: etag, lastModified: lastModified) }
}
