// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// The plan's actions are carried out in two steps: under the lock what is state, then, without it, what calls others.
extension FetchedResult {
    /// What a plan's actions come to, to be done when no lock is held.
    struct Effects {
        var starts: [Download] = []
        var stops: [Download] = []
        var answers: [(Fetching.Continuation, Result<Void, FetchError>)] = []
        var resumed: Download?
        /// Results that may use more or fewer connections now.
        var others: [FetchedResult] = []

        static func answer(
            _ continuation: Fetching.Continuation, _ result: Result<Void, FetchError>
        ) -> Effects {
            Effects(answers: [(continuation, result)])
        }

        mutating func merge(_ other: Effects) {
            starts += other.starts
            stops += other.stops
            answers += other.answers
            others += other.others
        }
    }

    /// To be called after each event of the plan: its actions, and what comes of more or fewer connections.
    func carryOut(_ actions: [FetchPlan.Action], _ fetching: inout Fetching) -> Effects {
        var effects = apply(actions, &fetching)
        while true {
            let demand = fetching.plan.demand
            guard demand != fetching.told else { return effects }
            fetching.told = demand
            let (granted, others) = connections.tell(self, demand)
            effects.others += others
            guard granted != fetching.plan.limit else { return effects }
            effects.merge(apply(fetching.plan.permit(granted), &fetching))
        }
    }

    /// The number of connections that may be used is another one, perhaps.
    func lookAtConnections() {
        perform(
            fetching.withLock { fetching in
                carryOut(fetching.plan.permit(connections.granted(self)), &fetching)
            })
    }

    private func apply(_ actions: [FetchPlan.Action], _ fetching: inout Fetching) -> Effects {
        var effects = Effects()
        for action in actions {
            switch action {
            case .start(let id, let range):
                let download = Download(id, range: range, of: self)
                for (read, waiting) in fetching.waiting where fetching.plan.serves(id, read: read) {
                    download.ticket.raise(to: waiting.priority)
                }
                fetching.downloads[id] = download
                effects.starts.append(download)
            case .stop(let id):
                fetching.lastBytes[id] = nil
                if let download = fetching.downloads.removeValue(forKey: id) { effects.stops.append(download) }
            case .finish(let read):
                fetching.lastFailure = nil
                if let waiting = fetching.waiting.removeValue(forKey: read) {
                    effects.answers.append((waiting.continuation, .success(())))
                }
            case .fail(let read, let error):
                fetching.lastFailure = error
                if let waiting = fetching.waiting.removeValue(forKey: read) {
                    effects.answers.append((waiting.continuation, .failure(error)))
                }
            }
        }
        return effects
    }

    func perform(_ effects: Effects) {
        for (continuation, result) in effects.answers { continuation.resume(returning: result) }
        for download in effects.stops { download.stop() }
        effects.resumed?.resume()
        for download in effects.starts { start(download) }
        for other in effects.others { other.lookAtConnections() }
    }

    private func start(_ download: Download) {
        let (isWhole, isUnderWay) = fetching.withLock { ($0.plan.isStream, $0.hasArrived) }
        let request = Task {
            var failure: ServiceFailure?
            do throws(ServiceFailure) {
                try await source.fetch(
                    id, range: isWhole ? nil : download.range, ifRange: record.validator, ticket: download.ticket,
                    outlastsOutages: isUnderWay, into: download)
            } catch {
                failure = error
            }
            download.finished(failure)
        }
        download.begin(request)
    }
}
