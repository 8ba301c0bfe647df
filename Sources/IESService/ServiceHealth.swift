// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Synchronization

/// Notes the answer as it comes: its body may take hours.
final class HealthNotingReceiver<Receiver: ResultReceiver>: ResultReceiver {
    private let receiver: Receiver
    private let health: ServiceHealth

    init(_ receiver: Receiver, _ health: ServiceHealth) {
        self.receiver = receiver
        self.health = health
    }

    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow {
        health.answered()
        return receiver.receive(answer, of: transfer)
    }

    func receive(_ bytes: RawSpan) -> Flow { receiver.receive(bytes) }
}

/// Whether the service can be reached, judged from how the last calls ended: nothing is asked for its sake.
package final class ServiceHealth: Sendable {
    package enum Standing: Hashable, Sendable {
        /// No call has ended yet.
        case unknown
        /// It answered last at this time, be it with a refusal.
        case reachable(Date)
        /// No call has been answered since, and this is how the last one failed.
        case offline(since: Date, ServiceFailure)
    }

    private let state = Mutex(Standing.unknown)

    package init() {}

    package var standing: Standing { state.withLock { $0 } }

    func answered(at time: Date = Date()) { state.withLock { $0 = .reachable(time) } }

    /// A call failed.
    func failed(_ failure: ServiceFailure, at time: Date = Date()) {
        switch Self.meaning(of: failure) {
        case true?: answered(at: time)
        case false?:
            state.withLock { state in
                if case .offline(let since, _) = state {
                    state = .offline(since: since, failure)
                } else {
                    state = .offline(since: time, failure)
                }
            }
        case nil: break
        }
    }

    /// Whether the failure shows that the service answered; nil where it shows nothing.
    private static func meaning(of failure: ServiceFailure) -> Bool? {
        switch failure {
        case .refused, .malformed, .contradiction: true
        case .deadline: false
        case .credentials: nil
        case .transport(let error):
            switch error {
            case .nameNotResolved, .unreachable, .connectionRefused, .connectionReset, .timedOut, .tls, .proxy: false
            // A receiver ends a transfer when it has seen the answer.
            case .malformedResponse, .bodyCutShort, .stopped: true
            case .cancelled, .other: nil
            }
        }
    }
}
