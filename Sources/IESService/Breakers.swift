// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The breaker of each host that is asked: the endpoints', and those that results are redirected to.
final class Breakers: Sendable {
    /// A service can redirect to any number of hosts.
    private static let most = 1000

    private let settings: ServiceSettings
    private let breakers = Mutex<[Endpoint: Turnstile<Breaker>]>([:])

    init(_ settings: ServiceSettings) { self.settings = settings }

    /// A request that may go out, to be told what becomes of it: exactly one of its three ends, or any number of them.
    struct Pass: Sendable {
        fileprivate let id: Int
        fileprivate let breaker: Turnstile<Breaker>
        fileprivate let random: @Sendable () -> Double

        /// Whether it may still go out.
        var isValid: Bool { breaker.look { breaker, _ in breaker.admits(id) } }

        func reached() {
            breaker.update { breaker, _ in breaker.reached() }
        }

        func failed(_ reason: ServiceFailure) {
            let random = random()
            breaker.update { breaker, now in breaker.failed(id, reason, at: now, random: random) }
        }

        func gaveUp() {
            breaker.update { breaker, _ in breaker.gaveUp(id) }
        }
    }

    /// Waits until a request may go to `host`. Throws how the host could not be reached, or that the task was cancelled.
    func admit(to host: Endpoint, deadline: ContinuousClock.Instant) async throws(ServiceFailure) -> Pass {
        let breaker = breaker(of: host)
        // Who waits for the call has a clock too: the reason is to be there before that says only that time is up.
        let margin = min(.milliseconds(500), settings.instant().duration(to: deadline) / 10)
        let (id, verdict) = await breaker.admit(Breaker.Visitor(deadline: deadline - margin))
        switch verdict {
        case .go: return Pass(id: id, breaker: breaker, random: settings.random)
        case .failed(let reason): throw reason
        case nil: throw .transport(.cancelled)
        }
    }

    private func breaker(of host: Endpoint) -> Turnstile<Breaker> {
        breakers.withLock { breakers in
            if let breaker = breakers[host] { return breaker }
            if breakers.count >= Self.most {
                breakers = breakers.filter { !$0.value.look { breaker, _ in breaker.isIdle } }
            }
            let breaker = Turnstile(Breaker(), settings)
            breakers[host] = breaker
            return breaker
        }
    }
}

extension ServiceFailure {
    /// What the failure says about the host it came from.
    var reachability: Reachability {
        switch self {
        case .refused(let error): (500...599).contains(error.status) ? .unreachable : .reached
        case .transport(let error):
            switch error {
            case .nameNotResolved, .unreachable, .connectionRefused, .connectionReset, .timedOut, .tls, .proxy:
                .unreachable
            case .malformedResponse, .bodyCutShort: .reached
            case .stopped, .cancelled, .other: .unknown
            }
        case .malformed, .contradiction: .reached
        case .credentials, .deadline: .unknown
        }
    }

    enum Reachability: Hashable, Sendable { case reached, unreachable, unknown }

    /// The same failure, as that of a request for another URL.
    func shared(url: String) -> ServiceFailure {
        guard case .refused(let error) = self else { return self }
        return .refused(
            ServiceError(
                status: error.status, code: error.code, message: error.message, requestID: error.requestID,
                retryAfter: error.retryAfter, time: error.time, url: url))
    }
}
