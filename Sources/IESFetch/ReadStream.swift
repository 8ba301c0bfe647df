// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What one open file reads, so that downloads keep ahead of a sequential reader.
package final class ReadStream: Sendable {
    private struct State {
        var window: ReadAheadWindow
        /// Up to where read-ahead was asked for.
        var asked: Int64 = 0
        var reads: UInt64 = 0
        var isClosed = false
    }

    private let result: FetchedResult
    private let maximum: Int64
    private let state: Mutex<State>

    init(of result: FetchedResult, maximum: Int64) {
        self.result = result
        self.maximum = maximum
        result.source.openStreams.add(1, ordering: .relaxed)
        state = Mutex(State(window: ReadAheadWindow(maximum: maximum)))
    }

    deinit { close() }

    /// A read that was answered at once. Cheap; now and then it starts a download.
    package func noteRead(at offset: Int64, count: Int) {
        note(offset..<offset + Int64(count))
    }

    func note(_ range: Range<Int64>) {
        let limit = min(maximum, result.readAheadLimit)
        let wish = state.withLock { state -> (Range<Int64>, Int64)? in
            state.window.limit(to: limit)
            state.window.note(range)
            state.reads &+= 1
            let target = state.window.target
            guard !target.isEmpty else {
                state.asked = 0
                return nil
            }
            // Asking is dearer than noting: only once another half window is due.
            guard target.upperBound - state.asked >= state.window.window / 2 || state.asked > target.upperBound else {
                return nil
            }
            state.asked = target.upperBound
            return (target, state.window.window)
        }
        if range.upperBound > result.furthestRead.load(ordering: .relaxed) {
            result.furthestRead.store(range.upperBound, ordering: .relaxed)
        }
        if let (target, least) = wish, target.lowerBound > 0 { result.readAhead(target, least: least) }
    }

    /// Bytes to fetch beyond a waiting read.
    var window: Int64 { state.withLock { $0.window.window } }

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
        result.streamClosed()
    }
}
