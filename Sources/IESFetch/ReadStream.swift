// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// What one open file reads, so that downloads keep ahead of sequential readers.
package final class ReadStream: Sendable {
    private struct State {
        var pattern: ReadPattern
        var reads: UInt64 = 0
        var isClosed = false
    }

    private static let count = Atomic(0)

    /// Names it among the streams of all results.
    let number = ReadStream.count.add(1, ordering: .relaxed).newValue
    /// Of the requests that its reads wait for.
    let priority: RequestPriority
    private let result: FetchedResult
    private let state: Mutex<State>

    init(of result: FetchedResult, settings: FetchSettings, priority: RequestPriority) {
        self.result = result
        self.priority = priority
        result.source.openStreams.add(1, ordering: .relaxed)
        state = Mutex(State(pattern: ReadPattern(head: settings.probe, maximum: settings.readAhead)))
    }

    deinit { close() }

    /// A read that was answered at once. Cheap; now and then it starts a download.
    package func noteRead(at offset: Int64, count: Int) {
        guard !result.file.isVerified else { return }
        if let wish = note(offset..<offset + Int64(count)) { result.readAhead(wish, for: self) }
    }

    /// What is worth fetching ahead after a read of `range`, if that is news.
    func note(_ range: Range<Int64>) -> ReadPattern.Wish? {
        if range.upperBound > result.furthestRead.load(ordering: .relaxed) {
            result.furthestRead.store(range.upperBound, ordering: .relaxed)
        }
        return state.withLock { state in
            state.reads &+= 1
            return state.pattern.note(range)
        }
    }

    /// Bytes to fetch with a read that has to wait.
    func hull(of range: Range<Int64>) -> Range<Int64> { state.withLock { $0.pattern.hull(of: range) } }

    /// Differs after each read.
    var generation: UInt64 { state.withLock { $0.reads } }

    /// A descriptor of the file was closed while reads were waiting: unless it reads again soon, those are
    /// answered, and the download stops if no one else needs it.
    package func readerLeft() { result.readerLeft(self) }

    /// The file is not open any more.
    package func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        result.source.openStreams.subtract(1, ordering: .relaxed)
        result.streamClosed(number)
    }
}
