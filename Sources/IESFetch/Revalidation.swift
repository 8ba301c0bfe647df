// SPDX-License-Identifier: Apache-2.0

import IESCache
package import IESService
import Synchronization

/// When a result was last known to be the same on the server.
struct Freshness: Sendable {
    /// Until then nobody asks; nil: the service has not been asked in this run.
    var until: ContinuousClock.Instant?
    /// The question under way, which all who want to know wait for.
    var question: Task<Void, Never>?
}

/// Asks whether a result is still the same, with a conditional request for its first byte.
private final class Revalidation: ResultReceiver {
    private let result: FetchedResult
    private let isSame = Mutex<Bool?>(nil)

    init(of result: FetchedResult) { self.result = result }

    /// Nil: the service did not say.
    var answer: Bool? { isSame.withLock { $0 } }

    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow {
        isSame.withLock { $0 = result.isSame(as: answer) }
        return .stop
    }

    func receive(_ bytes: RawSpan) -> Flow { .stop }
}

extension FetchedResult {
    /// What an unreachable service may keep an open waiting.
    private static let patience: Duration = .seconds(5)

    /// Whether the last answer is older than `FetchSettings.revalidate`.
    var mustBeRevalidated: Bool {
        guard settings.revalidate != nil, !isChanged else { return false }
        return freshness.withLock { $0.until.map { .now >= $0 } ?? true }
    }

    /// The service has just answered for it.
    func noteAnswer() {
        guard let age = settings.revalidate else { return }
        freshness.withLock { $0.until = .now + age }
    }

    /// Asks, once for all who want to know; afterwards `isChanged` says it. A service that cannot be asked changes nothing.
    func revalidate() async {
        let question = freshness.withLock { freshness in
            if let question = freshness.question { return question }
            let question = Task { await ask() }
            freshness.question = question
            return question
        }
        await question.value
    }

    private func ask() async {
        let question = Revalidation(of: self)
        let deadline = ContinuousClock.now + min(settings.timeout, Self.patience)
        try? await source.revalidate(id, record.validator, deadline: deadline, into: question)
        let age = question.answer == nil ? settings.errorTTL : settings.revalidate ?? .zero
        freshness.withLock { freshness in
            freshness.until = .now + age
            freshness.question = nil
        }
        if question.answer == false { changed() }
    }

    fileprivate func isSame(as answer: ResultAnswer) -> Bool {
        switch answer.kind {
        case .notModified: true
        case .part(_, let total): total == size && isSame(answer.validator)
        case .whole(let length): (length ?? size) == size && isSame(answer.validator)
        case .unsatisfiable(let total): size == 0 && total ?? 0 == 0
        }
    }
}

extension SegmentSource {
    func revalidate(
        _ id: ResultID, _ validator: Validator, deadline: ContinuousClock.Instant, into receiver: some ResultReceiver
    ) async throws(ServiceFailure) {
        try await client.result(
            id, range: honoursRanges ? 0..<1 : nil, revalidating: validator, deadline: deadline, receiver: receiver)
    }
}

extension ResultFetcher {
    /// Whether an open of `result` is to call `revalidate` first.
    package func mustRevalidate(_ result: FetchedResult) -> Bool { result.mustBeRevalidated }

    /// Asks the service whether what is known of `id` is still so, if that is due. Afterwards `known` says what is.
    package func revalidate(_ id: ResultID) async {
        guard case .result(let result)? = known(id), result.mustBeRevalidated else { return }
        await result.revalidate()
    }
}
