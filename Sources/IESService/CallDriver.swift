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
    private struct Failure: Error {
        let failure: ServiceFailure
        var isAnswered = false
        /// The clock of the endpoint, when it refused a request that was signed.
        var serverDate: Date?
    }

    private static let mostRedirects = 5
    /// The service accepts signatures up to 15 minutes off; a smaller difference is not why it refused one.
    private static let greatestSkew: TimeInterval = 300
    /// A service that is back after an outage is asked this soon, at the latest.
    private static let outagePause: Duration = .seconds(5)

    let endpoint: Endpoint
    private let transport: any Transport
    private let credentials: CredentialStore
    private let settings: ServiceSettings
    private let backoff = Backoff()
    private let skew = ClockSkew()
    private let logger: Logger?

    init(
        endpoint: Endpoint, transport: any Transport, credentials: CredentialStore, settings: ServiceSettings,
        logger: Logger?
    ) {
        self.endpoint = endpoint
        self.transport = transport
        self.credentials = credentials
        self.settings = settings
        self.logger = logger
    }

    func checkCredentials() throws(ServiceFailure) {
        _ = try admit()
    }

    func perform(
        _ call: ServiceCall, _ purpose: ResponseGate.Purpose, deadline: ContinuousClock.Instant
    ) async throws(ServiceFailure) -> Success {
        var retry = 0
        var hasCorrectedClock = false
        while true {
            guard settings.instant() < deadline else { throw .deadline }
            let failed: Failure
            do throws(Failure) {
                return try await attempt(call, purpose, deadline: deadline)
            } catch {
                failed = error
            }
            if !hasCorrectedClock, correctClock(after: failed) {
                hasCorrectedClock = true
                continue
            }
            guard !failed.isAnswered, retry < retryLimit(of: call, after: failed.failure),
                let delay = delay(after: failed.failure, retry: retry),
                delay < settings.instant().duration(to: deadline)
            else { throw failed.failure }
            logger?.debug("\(endpoint)\(call.path): trying again in \(delay) after \(failed.failure.summary)")
            do {
                try await settings.sleep(delay)
            } catch {
                throw .transport(.cancelled)
            }
            retry += 1
        }
    }

    /// The one place where it is decided whether a request may go out, and as whom. The budget of requests (a token
    /// bucket per project), the latch that holds calls back after refused credentials, and the renewal of temporary
    /// keys belong here.
    private func admit() throws(ServiceFailure) -> Credentials {
        do throws(CredentialError) {
            return try credentials.current()
        } catch {
            throw .credentials(error)
        }
    }

    // MARK: - One attempt

    private func attempt(
        _ call: ServiceCall, _ purpose: ResponseGate.Purpose, deadline: ContinuousClock.Instant
    ) async throws(Failure) -> Success {
        let credentials: Credentials?
        do throws(ServiceFailure) {
            credentials = call.isSigned ? try admit() : nil
        } catch {
            throw Failure(failure: error)
        }
        var url = AbsoluteURL(origin: endpoint, target: call.target)
        var isAtEndpoint = true
        var redirects = 0
        while true {
            let remaining = settings.instant().duration(to: deadline)
            guard remaining > .zero else { throw Failure(failure: .deadline) }
            let request = RequestBuilder(call: call, url: url, settings: settings).request(
                with: isAtEndpoint ? credentials : nil, at: skew.applied(to: settings.now()), connectTimeout: remaining)
            let gate = ResponseGate(purpose, now: settings.now)
            switch await exchange(request, gate, deadline: deadline) {
            case .delivered: return .delivered
            case .held(let answer, let bytes): return .held(answer, bytes)
            case .document(let bytes): return .document(bytes)
            case .refused(let error, let serverDate):
                let wasSigned = if case .keys? = credentials { isAtEndpoint } else { false }
                throw Failure(
                    failure: .refused(error.redacting(credentials)), serverDate: wasSigned ? serverDate : nil)
            case .failed(let failure, let isAnswered): throw Failure(failure: failure, isAnswered: isAnswered)
            case .redirected(let status, let location):
                redirects += 1
                url = try follow(location, from: url, redirects, status, call)
                // Once elsewhere, the address is not the service's word any more: no credentials on a way back.
                isAtEndpoint = isAtEndpoint && url.origin == endpoint
            }
        }
    }

    private func follow(
        _ location: String, from url: AbsoluteURL, _ redirects: Int, _ status: Int, _ call: ServiceCall
    ) throws(Failure) -> AbsoluteURL {
        func refused(_ message: String) -> Failure {
            Failure(
                failure: .refused(
                    ServiceError(
                        status: status, code: nil, message: message, requestID: nil, time: settings.now(),
                        url: "\(endpoint)\(call.path)")))
        }
        guard call.followsRedirects else { throw refused("The service answered with a redirect.") }
        guard redirects <= Self.mostRedirects else {
            throw refused("The service redirected more than \(Self.mostRedirects) times.")
        }
        guard let next = url.resolve(location) else {
            throw refused("The service redirected to an address that cannot be followed.")
        }
        guard next.origin.isSecure || !url.origin.isSecure else {
            throw refused("The service redirected from https to http, which is not followed.")
        }
        return next
    }

    /// Ends with the exchange, or at the deadline if the receiver has no answer by then.
    private func exchange(
        _ request: TransportRequest, _ gate: ResponseGate, deadline: ContinuousClock.Instant
    ) async -> ResponseGate.Outcome {
        enum Event: Sendable {
            case ended(Result<Void, TransportError>)
            case deadline
            case none
        }
        return await withTaskGroup(of: Event.self) { [transport, settings] group in
            group.addTask {
                do throws(TransportError) {
                    try await transport.exchange(request, with: gate)
                    return .ended(.success(()))
                } catch {
                    return .ended(.failure(error))
                }
            }
            group.addTask {
                do {
                    try await settings.alarm(deadline)
                    return .deadline
                } catch {
                    return .none
                }
            }
            var result: Result<Void, TransportError> = .failure(.cancelled)
            while let event = await group.next() {
                switch event {
                case .ended(let ended):
                    result = ended
                    group.cancelAll()
                case .deadline: if gate.expire() { group.cancelAll() }
                case .none: break
                }
            }
            return gate.outcome(of: result)
        }
    }

    // MARK: - After a failure

    /// Nothing was asked while no connection was made, so that only time limits how often that is tried.
    private func retryLimit(of call: ServiceCall, after failure: ServiceFailure) -> Int {
        call.outlastsOutages && failure.isOutage ? .max : min(settings.retries, call.retryLimit)
    }

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

    /// A signature may have been refused because this machine's clock is wrong. True: it is corrected, try again.
    private func correctClock(after failed: Failure) -> Bool {
        guard let serverDate = failed.serverDate, case .refused(let error) = failed.failure, error.mayBeSkew else {
            return false
        }
        let now = settings.now()
        guard abs(serverDate.timeIntervalSince(skew.applied(to: now))) > Self.greatestSkew else { return false }
        let seconds = serverDate.timeIntervalSince(now)
        skew.set(seconds)
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

/// How far the service's clock is ahead of this machine's, once that is known to matter.
private final class ClockSkew: Sendable {
    private let seconds = Mutex<TimeInterval>(0)

    func applied(to date: Date) -> Date {
        date.addingTimeInterval(seconds.withLock { $0 })
    }

    func set(_ seconds: TimeInterval) {
        self.seconds.withLock { $0 = seconds }
    }
}
