// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// A refusal: the service, its gateway or something between answered, and not with what was asked for.
package struct ServiceError: Error, Hashable, Sendable {
    /// The HTTP status. A 200 here is an error document sent as if it were the result.
    package let status: Int
    /// The service's or the gateway's code (`MSS.000000003`, `APIG.0301`), as it was sent; never empty.
    package let code: String?
    /// The service's own words, unchanged where they are valid UTF-8; without any, a sentence of ours. Never empty,
    /// at most 64 KiB of UTF-8, and may contain NUL and control characters.
    package let message: String
    /// From the `X-Request-Id` field, else from the body.
    package let requestID: String?
    /// What the service asked to wait before the next try.
    package let retryAfter: Duration?
    /// When it was received.
    package let time: Date
    /// The URL that was asked for at the endpoint, without its query.
    package let url: String

    package init(
        status: Int, code: String?, message: String, requestID: String?, retryAfter: Duration? = nil, time: Date,
        url: String
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.requestID = requestID
        self.retryAfter = retryAfter
        self.time = time
        self.url = url
    }
}

/// Why a call to the service did not yield what it was made for.
package enum ServiceFailure: Error, Hashable, Sendable {
    /// The service answered with a refusal.
    case refused(ServiceError)
    /// There is no whole response. `.stopped`: the receiver wanted no more.
    case transport(TransportError)
    /// There is nothing to authenticate the request with.
    case credentials(CredentialError)
    /// The response breaks HTTP, or is not the document it should be. The text is one sentence.
    case malformed(String)
    /// The response contradicts the range that was asked for, or itself. The text is one sentence.
    case contradiction(String)
    /// No answer until the call's deadline.
    case deadline
}

extension ServiceFailure {
    /// What happened, in words of ours: for a log. The service's own message is not in it.
    package var summary: String {
        switch self {
        case .refused(let error): "HTTP status \(error.status)\(error.code.map { ", code \($0)" } ?? "")"
        case .transport(let error): "\(error)"
        case .credentials(let error): error.description
        case .malformed(let text), .contradiction(let text): text
        case .deadline: "no answer until the deadline"
        }
    }
}
