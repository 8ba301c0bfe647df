// SPDX-License-Identifier: Apache-2.0

extension ServiceError {
    /// The four digits of a gateway code: `0301` in both `APIG.0301` and `APIGW.0301`. Nil for other codes.
    package var gatewayDigits: String? {
        guard let code else { return nil }
        let parts = code.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, ["APIG", "APIGW"].contains(parts[0].uppercased()), parts[1].utf8.count == 4,
            DecimalDigits.areAll(parts[1])
        else { return nil }
        return String(parts[1])
    }

    /// The credentials were refused, or what they may do; not the request.
    package var refusesCredentials: Bool {
        if let digits = gatewayDigits {
            return ["0301", "0302", "0303", "0304", "0305", "0306", "0307", "0311"].contains(digits)
        }
        switch code {
        case "MSS.000000004", "MSS.00000001", "MSS.00010008", "MSS.00010009": return true
        default: return status == 401 || status == 403
        }
    }

    /// Who asks is not who they say, or cannot be known: not what they may do.
    var refusesAuthentication: Bool {
        status == 401 || gatewayDigits.map { ["0301", "0303", "0305", "0307", "0311"].contains($0) } ?? false
    }

    /// Documented for a name that these credentials may not see, and for credentials that are no good.
    var deniesName: Bool { !refusesAuthentication && code == "MSS.000000004" }

    /// Only who was let in is told so.
    var provesCredentials: Bool {
        (400...499).contains(status) && ![401, 403, 408].contains(status) && !isThrottling && gatewayDigits == nil
    }

    /// The signature was not accepted, which a wrong clock leads to as well as a wrong key.
    var mayBeSkew: Bool {
        if let digits = gatewayDigits { return ["0301", "0303", "0305"].contains(digits) }
        return status == 401 || code == "MSS.000000004" || code == "MSS.00000001"
    }

    /// Too many requests were made.
    var isThrottling: Bool { status == 429 || gatewayDigits == "0308" }

    /// A try later may go better.
    var isPassing: Bool {
        status == 408 || isThrottling || (500...599).contains(status)
    }
}
