// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension CallDriver {
    private static let mostRedirects = 5

    /// What lets one request out.
    struct Admission {
        let pass: Breakers.Pass
        /// Nil for a call that carries none.
        var loan: CredentialKeeper.Loan?

        func gaveUp() {
            pass.gaveUp()
            loan?.gaveUp()
        }
    }

    /// The one place where it is decided whether a request may go to the endpoint, and as whom.
    private func admit(
        _ call: ServiceCall, _ ticket: RequestTicket, _ deadline: inout ContinuousClock.Instant
    ) async throws(ServiceFailure) -> Admission {
        var hasTurn = call.project == nil
        while true {
            let pass = try await breakers.admit(to: endpoint, deadline: deadline)
            var admission = Admission(pass: pass, loan: nil)
            var hasWaited = false
            do throws(ServiceFailure) {
                if call.isSigned {
                    admission.loan = try await credentials.admit(call.project, deadline: deadline)
                }
                if !hasTurn, let project = call.project {
                    // Who waits for a turn is nobody to wait for: another call may find out about host and credentials.
                    deadline += try await budgets.admit(project, ticket, deadline: deadline) { [admission] in
                        hasWaited = true
                        admission.gaveUp()
                    }
                    hasTurn = true
                }
            } catch {
                admission.gaveUp()
                throw error
            }
            // Waiting took its time, in which the endpoint may have been lost.
            if !hasWaited, pass.isValid { return admission }
            admission.loan?.gaveUp()
        }
    }

    func attempt(
        _ call: ServiceCall, _ purpose: ResponseGate.Purpose, _ ticket: RequestTicket,
        _ deadline: inout ContinuousClock.Instant
    ) async throws(Failure) -> Success {
        if call.mayUseLink, let link = links[call.target],
            let success = try await attempt(call, at: link, purpose, deadline)
        {
            return success
        }
        var admission = try await admission(call, ticket, &deadline)
        let credentials = admission.loan?.credentials
        var url = AbsoluteURL(origin: endpoint, target: call.target)
        var isAtEndpoint = true
        var redirects = 0
        while true {
            let (pass, loan) = (admission.pass, isAtEndpoint ? admission.loan : nil)
            let start = settings.instant()
            guard start < deadline else {
                admission.gaveUp()
                throw Failure(failure: .deadline)
            }
            let date = skew.applied(to: settings.now())
            let request = RequestBuilder(call: call, url: url, settings: settings).request(
                with: isAtEndpoint ? credentials : nil, at: date, connectTimeout: start.duration(to: deadline))
            let gate = ResponseGate(purpose, now: settings.now) {
                pass.reached()
                loan?.accepted()
            }
            let outcome = await exchange(request, gate, deadline: deadline).redacting(credentials)
            note(outcome, pass, lasting: start.duration(to: settings.instant()))
            note(outcome, loan, call)
            if url.origin != endpoint, outcome.success != nil { links[call.target] = url }
            switch outcome {
            case .delivered: return .delivered
            case .held(let answer, let bytes): return .held(answer, bytes)
            case .document(let bytes): return .document(bytes)
            case .refused(let error, let serverDate):
                var failure = Failure(failure: .refused(error), isFromEndpoint: isAtEndpoint)
                if case .keys? = credentials, isAtEndpoint { failure.dates = serverDate.map { (date, $0) } }
                if let loan, error.refusesAuthentication {
                    failure.refused = (loan, error)
                }
                throw failure
            case .failed(let failure, let isAnswered): throw Failure(failure: failure, isAnswered: isAnswered)
            case .redirected(let status, let location):
                redirects += 1
                url = try follow(location, from: url, redirects, status, call)
                // Once elsewhere, the address is not the service's word any more: no credentials on a way back.
                isAtEndpoint = isAtEndpoint && url.origin == endpoint
                admission = try await passOn(to: url.origin, admission, call, deadline)
            }
        }
    }

    /// Asks where the call was redirected to before: no credentials go there, and the budget is the endpoint's.
    ///
    /// - Returns: Nil if the link does not serve any more; the receiver has heard of nothing then.
    private func attempt(
        _ call: ServiceCall, at link: AbsoluteURL, _ purpose: ResponseGate.Purpose, _ deadline: ContinuousClock.Instant
    ) async throws(Failure) -> Success? {
        guard let pass = try? await breakers.admit(to: link.origin, deadline: deadline) else { return nil }
        let start = settings.instant()
        let request = RequestBuilder(call: call, url: link, settings: settings).request(
            with: nil, at: settings.now(), connectTimeout: max(.zero, start.duration(to: deadline)))
        let gate = ResponseGate(purpose, now: settings.now) { pass.reached() }
        let outcome = await exchange(request, gate, deadline: deadline)
        note(outcome, pass, lasting: start.duration(to: settings.instant()))
        if let success = outcome.success { return success }
        // A call that was ended, or has no time left, says nothing of the link.
        if case .failed(let failure, let isAnswered) = outcome, isAnswered || failure.reachability == .unknown {
            throw Failure(failure: failure, isAnswered: isAnswered)
        }
        links[call.target] = nil
        return nil
    }

    private func admission(
        _ call: ServiceCall, _ ticket: RequestTicket, _ deadline: inout ContinuousClock.Instant
    ) async throws(Failure) -> Admission {
        do throws(ServiceFailure) {
            return try await admit(call, ticket, &deadline)
        } catch {
            throw Failure(failure: error.shared(url: "\(endpoint)\(call.path)"))
        }
    }

    /// A redirect is part of the request that led to it: it needs no place in the budget.
    private func passOn(
        to host: Endpoint, _ admission: Admission, _ call: ServiceCall, _ deadline: ContinuousClock.Instant
    ) async throws(Failure) -> Admission {
        do throws(ServiceFailure) {
            return Admission(
                pass: try await breakers.admit(to: host, deadline: deadline), loan: admission.loan)
        } catch {
            throw Failure(failure: error.shared(url: "\(endpoint)\(call.path)"))
        }
    }

    /// Tells what came of a request about the credentials it carried, but for their refusal, of which `perform` decides.
    private func note(_ outcome: ResponseGate.Outcome, _ loan: CredentialKeeper.Loan?, _ call: ServiceCall) {
        guard let loan else { return }
        switch outcome {
        // Told when the answer came; its end may be much later, and says nothing new.
        case .delivered, .failed(_, isAnswered: true): break
        case .held, .document, .redirected: loan.accepted()
        case .refused(let error, _) where error.refusesAuthentication: break
        case .refused(let error, _) where error.deniesName: loan.denied(call.path, error)
        case .refused(let error, _) where error.provesCredentials: loan.accepted()
        case .refused, .failed: loan.gaveUp()
        }
    }

    /// Tells the breaker what came of a request.
    private func note(_ outcome: ResponseGate.Outcome, _ pass: Breakers.Pass, lasting time: Duration) {
        switch outcome {
        case .delivered, .failed(_, isAnswered: true): break
        case .held, .document, .redirected: pass.reached()
        case .refused(let error, _): note(.refused(error), pass)
        // Who had little time left learns nothing.
        case .failed(.deadline, _) where time >= settings.connectTimeout * 0.9: pass.failed(.deadline)
        case .failed(let failure, _): note(failure, pass)
        }
    }

    private func note(_ failure: ServiceFailure, _ pass: Breakers.Pass) {
        switch failure.reachability {
        case .reached: pass.reached()
        case .unreachable: pass.failed(failure)
        case .unknown: pass.gaveUp()
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
}

extension ResponseGate.Outcome {
    fileprivate var success: CallDriver.Success? {
        switch self {
        case .delivered: .delivered
        case .held(let answer, let bytes): .held(answer, bytes)
        case .document(let bytes): .document(bytes)
        case .refused, .failed, .redirected: nil
        }
    }

    /// Without the secrets that the request carried, before anybody sees it.
    fileprivate func redacting(_ credentials: Credentials?) -> ResponseGate.Outcome {
        guard case .refused(let error, let date) = self else { return self }
        return .refused(error.redacting(credentials), serverDate: date)
    }
}
