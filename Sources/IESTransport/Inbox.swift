// SPDX-License-Identifier: Apache-2.0

import IESService
import Synchronization

/// What other threads want of the event loop, in order.
final class Inbox: Sendable {
    enum Message: Sendable {
        case begin(ExchangeOrder)
        case resume(ExchangeControl)
        case end(ExchangeControl)
    }

    private struct State {
        var messages: [Message] = []
        var isOpen = true
    }

    private let state = Mutex(State())
    private let multi: MultiHandle

    init(multi: MultiHandle) { self.multi = multi }

    /// - Returns: False when the event loop takes nothing more.
    @discardableResult
    func post(_ message: Message) -> Bool {
        let (isOpen, isFirst) = state.withLock { state in
            guard state.isOpen else { return (false, false) }
            state.messages.append(message)
            return (true, state.messages.count == 1)
        }
        // Who posted the first of several has woken the loop already.
        if isFirst { multi.wake() }
        return isOpen
    }

    /// Whether it takes messages, and so wakes the loop again.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// What has come since the last call; nil when it is closed and empty.
    func drain() -> [Message]? {
        state.withLock { state in
            guard state.isOpen || !state.messages.isEmpty else { return nil }
            defer { state.messages.removeAll() }
            return state.messages
        }
    }

    /// Refuses further messages. Those already there are still drained.
    func close() {
        state.withLock { $0.isOpen = false }
        multi.wake()
    }
}

/// An exchange to begin.
struct ExchangeOrder: Sendable {
    let request: TransportRequest
    let receiver: any ResponseReceiver
    let control: ExchangeControl
    /// When the caller asked, from which deadlines count.
    let start: ContinuousClock.Instant
    let continuation: CheckedContinuation<Result<Void, TransportError>, Never>
}
