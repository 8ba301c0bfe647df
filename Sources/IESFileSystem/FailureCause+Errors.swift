// SPDX-License-Identifier: Apache-2.0

import IESCache
package import IESFetch
package import IESService

extension FailureCause {
    /// The cause that a refusal names: by its code, then by its HTTP status.
    package init(_ refusal: ServiceError) {
        switch (refusal.code ?? "", refusal.gatewayDigits, refusal.status) {
        case ("MSS.000000001", _, _): self = .failure
        case ("MSS.000000002", _, _): self = .internalError
        case ("MSS.000000003", _, _), ("MSS.00000003", _, _), ("MSS.10000003", _, _), ("MSS.10001002", _, _):
            self = .invalidParameter
        case ("MSS.000000004", _, _), ("MSS.00000001", _, _), ("MSS.00010008", _, _), ("MSS.00010009", _, _):
            self = .notAuthenticated
        case ("MSS.10001001", _, _), ("MSS.10001004", _, _): self = .notFound
        case ("MSS.00010003", _, _), (_, "0101", 404), (_, "0103", 404): self = .wrongEndpoint
        case (_, "0301", _), (_, "0302", _), (_, "0303", _), (_, "0304", _), (_, "0305", _), (_, "0306", _),
            (_, "0307", _), (_, "0311", _):
            self = .notAuthenticated
        case (_, _, 400): self = .otherRefusal
        case (_, _, 401), (_, _, 403): self = .notAuthenticated
        case (_, _, 404): self = .notFound
        case (_, _, 429): self = .throttled
        case (_, _, 408), (_, _, 500...599): self = .unavailable
        default: self = .other
        }
    }

    /// - Parameter timeout: A service that asks for a longer pause is busy, not broken.
    package init(_ error: FetchError, timeout: Duration) {
        switch error {
        case .service(let failure): self.init(failure, timeout: timeout)
        case .deadline: self = .noAnswer
        case .shortBody, .contradiction: self = .brokenBody
        case .changed: self = .changed
        case .tooLarge: self = .tooLarge
        case .cache(.tooLarge): self = .tooLarge
        case .cache: self = .cacheFailed
        case .cancelled: self = .interrupted
        }
    }

    package init(_ failure: ServiceFailure, timeout: Duration) {
        switch failure {
        case .refused(let error):
            let cause = FailureCause(error)
            let mustWait = error.retryAfter.map { $0 > timeout } ?? false
            self = cause == .unavailable && mustWait ? .throttled : cause
        case .transport(let error): self.init(error)
        case .credentials: self = .noCredentials
        case .malformed: self = .brokenProtocol
        case .contradiction: self = .brokenBody
        case .deadline: self = .noAnswer
        }
    }

    package init(_ error: TransportError) {
        switch error {
        case .nameNotResolved, .unreachable, .proxy: self = .noRoute
        case .connectionRefused: self = .connectionRefused
        case .connectionReset: self = .connectionReset
        case .timedOut: self = .noAnswer
        case .tls, .malformedResponse: self = .brokenProtocol
        case .bodyCutShort: self = .brokenBody
        case .cancelled: self = .interrupted
        case .stopped, .other: self = .other
        }
    }
}

extension FailureClass {
    package init(_ error: FetchError, timeout: Duration) {
        if FailureCause(error, timeout: timeout) == .notFound {
            self = .absent
        } else if case .service(.refused(let refusal)) = error, [200, 400, 401, 403].contains(refusal.status) {
            self = .refused
        } else {
            self = .passing
        }
    }
}
