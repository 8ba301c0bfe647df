// SPDX-License-Identifier: Apache-2.0

import IESService
import Synchronization

/// What other threads may do to an exchange: resume it, stop it, cancel it.
///
/// It knows neither the receiver nor libcurl, so a receiver may keep it for as long as it likes.
final class ExchangeControl: Transfer {
    /// Where the receiver and the thread that resumes it stand.
    private enum Flow: UInt8, AtomicRepresentable {
        case flowing
        /// The receiver is being called.
        case asking
        /// A resume came while the receiver was being called.
        case askingAndResumed
        case paused
    }

    /// Why it is to end before its time.
    enum Ending: UInt8, AtomicRepresentable {
        case none
        case stopped
        case cancelled
    }

    private let inbox: Inbox
    private let flow = Atomic(Flow.flowing)
    private let wantedEnding = Atomic(Ending.none)

    init(inbox: Inbox) { self.inbox = inbox }

    // MARK: From any thread

    func resume() {
        while true {
            if flow.compareExchange(expected: .paused, desired: .flowing, ordering: .acquiringAndReleasing).exchanged {
                inbox.post(.resume(self))
                return
            }
            let (exchanged, seen) = flow.compareExchange(
                expected: .asking, desired: .askingAndResumed, ordering: .acquiringAndReleasing)
            // Paused between the two looks: look again.
            if exchanged || seen != .paused { return }
        }
    }

    func stop() { end(.stopped) }

    /// The first ending stands.
    func end(_ ending: Ending) {
        guard wantedEnding.compareExchange(expected: .none, desired: ending, ordering: .acquiringAndReleasing).exchanged
        else { return }
        inbox.post(.end(self))
    }

    // MARK: From the event loop's thread

    var ending: Ending { wantedEnding.load(ordering: .acquiring) }

    /// Before each call of the receiver: a resume from here on is not lost.
    func receiverIsAsked() { flow.store(.asking, ordering: .releasing) }

    func receiverProceeds() { flow.store(.flowing, ordering: .releasing) }

    /// The receiver wants a pause. A resume that came meanwhile is put into the inbox.
    func receiverPauses() {
        if flow.compareExchange(expected: .asking, desired: .paused, ordering: .acquiringAndReleasing).exchanged {
            return
        }
        flow.store(.flowing, ordering: .releasing)
        inbox.post(.resume(self))
    }
}
