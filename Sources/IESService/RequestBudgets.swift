// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The budget of each project, shared by all that asks the service for something.
final class RequestBudgets: Sendable {
    /// Anyone can name any number of projects.
    private static let most = 1000
    /// Not even a service that asks for it is left alone for longer.
    private static let longestPause: Duration = .seconds(3600)

    private let settings: ServiceSettings
    private let queues = Mutex<[ProjectID: Turnstile<RequestQueue>]>([:])

    init(_ settings: ServiceSettings) { self.settings = settings }

    /// Waits until a request of the project may go out, and returns how long the budget held it back; such time does not
    /// count against `deadline`.
    ///
    /// - Parameter onWait: Called if it may not go at once, before the wait.
    func admit(
        _ project: ProjectID, _ ticket: RequestTicket, deadline: ContinuousClock.Instant, onWait: () -> Void = {}
    ) async throws(ServiceFailure) -> Duration {
        let verdict = await queue(of: project).admit(.init(ticket: ticket, deadline: deadline)) {
            ticket.isHeldBack()
            onWait()
        }.verdict
        ticket.goesOn(at: settings.instant())
        switch verdict {
        case .go(let heldBack): return heldBack
        case .throttled(let error): throw .refused(error)
        case nil: throw .transport(.cancelled)
        }
    }

    /// The service has throttled a request of the project: none goes out for so long.
    func throttled(_ project: ProjectID, for duration: Duration, _ reason: ServiceError) {
        queue(of: project).update { queue, now in
            queue.throttled(for: min(duration, Self.longestPause), reason, at: now)
        }
    }

    private func queue(of project: ProjectID) -> Turnstile<RequestQueue> {
        queues.withLock { queues in
            if let queue = queues[project] { return queue }
            if queues.count >= Self.most {
                queues = queues.filter { !$0.value.look { queue, now in queue.isIdle(at: now) } }
            }
            let queue = Turnstile(RequestQueue(rate: settings.rate), settings)
            queues[project] = queue
            return queue
        }
    }
}
