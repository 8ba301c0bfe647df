// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import Synchronization

/// Signed links, as object stores give them: whoever has one may fetch, until it expires.
extension SimulatedService {
    private static let key = Array("key of simulated links".utf8)

    /// Where the result call sends the client.
    func link(to result: SimulatedResult, _ call: Call, lifetime: Duration? = nil) -> String {
        let origin =
            switch call.behaviour.redirects {
            case .none, .sameAuthority: call.origin
            case .otherPort: state.withLock { $0.linkAuthority.map { "http://\($0)" } } ?? call.origin
            case .origin(let origin): origin
            }
        let expires = Int64((call.time + (lifetime ?? call.behaviour.linkLifetime).seconds).timeIntervalSince1970)
        let path = "/_link/\(call.project?.rawValue ?? "")/\(result.task)"
        return "\(origin)\(path)?expires=\(expires)&signature=\(Self.signature(path: path, expires: "\(expires)"))"
    }

    func authenticateLink(_ call: Call) -> Verdict {
        let expires = call.request.parameter("expires") ?? ""
        guard call.request.parameter("signature") == Self.signature(path: String(call.request.path), expires: expires)
        else {
            return Verdict(label: "link signature wrong", refusal: Self.denied("SignatureDoesNotMatch"))
        }
        guard let end = Double(expires), end > call.time.timeIntervalSince1970 else {
            return Verdict(label: "link expired", refusal: Self.denied("AccessDenied: Request has expired"))
        }
        return .accepted("link")
    }

    private static func denied(_ message: String) -> Refusal {
        Refusal(status: 403, code: "AccessDenied", message: message, shape: .html)
    }

    private static func signature(path: String, expires: String) -> String {
        Hex.text(Authenticator.hmac(key: key, Array("\(path)\n\(expires)".utf8)))
    }
}
