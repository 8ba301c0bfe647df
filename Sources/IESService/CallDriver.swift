// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Synchronization

/// Carries out calls: authenticates each attempt, follows redirects, tries again, and keeps deadlines.
struct CallDriver: Sendable {
    enum Success: Sendable {
        /// The receiver has everything.
        case delivered
        /// The receiver is still to get this.
        case held(ResultAnswer, [UInt8])
        case document([UInt8])
    }

    /// How one attempt failed, and whether another can be made.
    struct Failure: Error {
        let failure: ServiceFailure
        var isAnswered = false
        /// The endpoint itself has answered with it, now.
        var isFromEndpoint = false
        /// The request was signed with the first, and answered at the second by the endpoint's clock.
        var dates: (signed: Date, server: Date)?
        /// What the endpoint refused, rather than the call.
        var refused: (loan: CredentialKeeper.Loan, error: ServiceError)?
    }

    /// A service that is back after an outage is asked this soon, at the latest.
    private static let outagePause: Duration = .seconds(5)

    let endpoint: Endpoint
    let transport: any Transport
    let credentials: CredentialKeeper
    let settings: ServiceSettings
    let budgets: RequestBudgets
    let breakers: Breakers
    let skew: ClockSkew
    let links = LinkCache()
    private let backoff = Backoff()
    private let logger: Logger?

    init(
        endpoint: Endpoint, transport: any Transport, credentials: CredentialKeeper, settings: ServiceSettings,
        budgets: RequestBudgets, breakers: Breakers, skew: ClockSkew = ClockSkew(), logger: Logger?
    ) {
        self.endpoint = endpoint
        self.transport = transport
        self.credentials = credentials
        self.settings = settings
        self.budgets = budgets
        self.breakers = breakers
        self.skew = skew
        self.logger = logger
    }

    /// - Parameter deadline: Extended by the time that this machine's own budget holds the call back.
    func perform(
        _ call: ServiceCall, _ purpose: ResponseGate.Purpose, ticket: RequestTicket = RequestTicket(),
        extending deadline: inout ContinuousClock.Instant
    ) async throws(ServiceFailure) -> Success {
        var retry = 0
        // Nothing was asked while no connection was made, so that only time limits how often that is tried.
        var outageRetry = 0
        var hasCorrectedClock = false
        var hasOtherCredentials = false
        while true {
            guard settings.instant() < deadline else { throw .deadline }
            let failed: Failure
            do throws(Failure) {
                return try await attempt(call, purpose, ticket, &deadline)
            } catch {
                failed = error
            }
            if !hasCorrectedClock, correctClock(after: failed) {
                hasCorrectedClock = true
                failed.refused?.loan.gaveUp()
                continue
            }
            if let (loan, error) = failed.refused {
                let hasOthers = await loan.refused(error, deadline: deadline)
                guard hasOthers, !hasOtherCredentials else { throw failed.failure }
                hasOtherCredentials = true
                continue
            }
            let isOutlasted = call.outlastsOutages && failed.failure.isOutage
            let delay = delay(after: failed.failure, retry: isOutlasted ? outageRetry : retry)
            if let delay { noteThrottling(failed, call, delay) }
            guard !failed.isAnswered, isOutlasted || retry < min(settings.retries, call.retryLimit),
                let delay, delay < settings.instant().duration(to: deadline)
            else { throw failed.failure }
            logger?.debug("\(endpoint)\(call.path): trying again in \(delay) after \(failed.failure.summary)")
            do {
                try await settings.sleep(delay)
            } catch {
                throw .transport(.cancelled)
            }
            if isOutlasted { outageRetry += 1 } else { retry += 1 }
        }
    }

    // MARK: - After a failure

    /// How long to wait before the next try; nil when there should be none.
    private func delay(after failure: ServiceFailure, retry: Int) -> Duration? {
        let random = backoff.delay(beforeRetry: retry, random: settings.random())
        switch failure {
        case let failure where failure.isOutage: return min(random, Self.outagePause)
        case .refused(let error):
            guard error.isPassing else { return nil }
            guard let asked = error.retryAfter, asked > .zero else { return random }
            return asked
        case .transport(.connectionReset), .transport(.bodyCutShort): return random
        case .transport, .credentials, .malformed, .contradiction, .deadline: return nil
        }
    }

    /// What one request of a project is told holds for all of them.
    private func noteThrottling(_ failed: Failure, _ call: ServiceCall, _ delay: Duration) {
        guard failed.isFromEndpoint, let project = call.project, case .refused(let error) = failed.failure,
            error.isThrottling
        else { return }
        budgets.throttled(project, for: delay, error)
    }

    /// A signature may have been refused because this machine's clock is wrong. True: it is corrected, try again.
    private func correctClock(after failed: Failure) -> Bool {
        guard let dates = failed.dates, case .refused(let error) = failed.failure, error.mayBeSkew,
            ClockSkew.isDecisive(dates.server.timeIntervalSince(dates.signed))
        else { return false }
        guard let seconds = skew.learn(server: dates.server, now: settings.now()) else { return true }
        logger?.warning(
            """
            the clock of this machine and that of \(endpoint) differ by \(Int(seconds)) s, and a signature was \
            refused: requests are signed with the time of the service
            """)
        return true
    }
}

extension ServiceFailure {
    /// There was no connection: the service is away, or restarts.
    fileprivate var isOutage: Bool {
        switch self {
        case .transport(.connectionRefused), .transport(.timedOut(.connect)): true
        default: false
        }
    }
}
