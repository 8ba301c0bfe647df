// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import Synchronization

extension SimulatedService {
    /// What a call's credentials are worth.
    struct Verdict: Sendable {
        /// For the log: how the call was authenticated, or why not.
        let label: String
        /// Nil: accepted.
        let refusal: Refusal?

        static func accepted(_ label: String) -> Self { Self(label: label, refusal: nil) }
    }

    /// Judges a call of the MetaStudio API. Texts are those of the gateway's documentation, shortened.
    func authenticate(_ request: SimulatedRequest, project: ProjectID?) -> Verdict {
        let behaviour = behaviour
        if let token = request.fields.first("X-Auth-Token") {
            let verdict = judge(token: token, project: project)
            return behaviour.authenticates ? verdict : .accepted(verdict.label)
        }
        if let authorization = request.fields.first("Authorization") {
            let verdict = judge(authorization: authorization, of: request, project: project, behaviour: behaviour)
            return behaviour.authenticates ? verdict : .accepted(verdict.label)
        }
        guard behaviour.authenticates else { return .accepted("none") }
        return Verdict(
            label: "none",
            refusal: Refusal(
                status: 401, code: "APIG.0301",
                message: "Incorrect IAM authentication information: x-auth-token not found"))
    }

    private func judge(token: String, project: ProjectID?) -> Verdict {
        let time = now
        return state.withLock { state in
            guard let known = state.accounts.tokens[token] else {
                return Verdict(
                    label: "token unknown",
                    refusal: Refusal(
                        status: 401, code: "APIG.0301",
                        message: "Incorrect IAM authentication information: decrypt token fail"))
            }
            if let expires = known.expires, expires <= time {
                return Verdict(
                    label: "token expired",
                    refusal: Refusal(status: 401, code: "APIG.0307", message: "The token must be updated."))
            }
            if let bound = known.project, let project, bound != project {
                return Verdict(
                    label: "token of another project",
                    refusal: Refusal(code: "MSS.00010009", message: "URL中的租户与Token中的租户不一致"))
            }
            return .accepted("token")
        }
    }

    private func judge(
        authorization: String, of request: SimulatedRequest, project: ProjectID?, behaviour: Behaviour
    ) -> Verdict {
        let time = now
        guard let claim = SignatureVerifier.Claim(authorization) else {
            return .init(
                label: "authorization unreadable",
                refusal: .iam("authorization not found"))
        }
        guard let key = state.withLock({ $0.accounts.keys[claim.accessKey] }) else {
            return Verdict(label: "key unknown", refusal: .iam("get secretKey failed,err:ak not exist"))
        }
        if behaviour.locksKeys, let until = key.lockedUntil, until > time {
            return Verdict(label: "key locked", refusal: .iam("Get secretKey failed,err:ak is locked"))
        }
        let verifier = SignatureVerifier(secretKey: key.secret, now: time, window: behaviour.signatureWindow)
        do throws(SignatureVerifier.Failure) {
            try verifier.verify(claim, of: request)
        } catch {
            return refuse(error, claim: claim, time: time, behaviour: behaviour)
        }
        state.withLock { $0.accounts.keys[claim.accessKey]?.wrongTries = 0 }
        if let securityToken = key.securityToken, request.fields.first("X-Security-Token") != securityToken {
            return Verdict(label: "security token wrong", refusal: .iam("verify security token failed"))
        }
        if let expires = key.expires, expires <= time {
            return Verdict(label: "key expired", refusal: .iam("the security token has expired"))
        }
        return checkProject(of: request, project: project, behaviour: behaviour)
    }

    private func checkProject(of request: SimulatedRequest, project: ProjectID?, behaviour: Behaviour) -> Verdict {
        guard let project, behaviour.requiresProjectID else { return .accepted("signed") }
        guard let named = request.fields.first("X-Project-Id") else {
            return Verdict(
                label: "signed, no project id",
                refusal: Refusal(code: "MSS.000000003", message: "X-Project-Id is missing"))
        }
        guard named == project.rawValue else {
            return Verdict(
                label: "signed, another project id",
                refusal: Refusal(code: "MSS.00010009", message: "URL中的租户与请求头X-Project-Id不一致"))
        }
        return .accepted("signed")
    }

    private func refuse(
        _ failure: SignatureVerifier.Failure, claim: SignatureVerifier.Claim, time: Date, behaviour: Behaviour
    ) -> Verdict {
        switch failure {
        case .noDate:
            return Verdict(label: "no date", refusal: .iam("x-sdk-date not found"))
        case .outsideWindow:
            return Verdict(
                label: "clock outside window",
                refusal: Refusal(
                    status: 401, code: "APIG.0303",
                    message: "Incorrect app authentication information: app signature expired"))
        case .headerMissing(let name):
            return Verdict(label: "header \(name) missing", refusal: .iam("signed header not found: \(name)"))
        case .mismatch(let canonicalRequest):
            state.withLock { state in
                guard var key = state.accounts.keys[claim.accessKey] else { return }
                key.wrongTries += 1
                if key.wrongTries >= 5 {
                    key.wrongTries = 0
                    key.lockedUntil = time + 300
                }
                state.accounts.keys[claim.accessKey] = key
            }
            return Verdict(
                label: "signature wrong",
                refusal: .iam("verify aksk signature fail, canonicalRequest:\(canonicalRequest)"))
        }
    }
}

extension Refusal {
    fileprivate static func iam(_ reason: String) -> Self {
        Refusal(status: 401, code: "APIG.0301", message: "Incorrect IAM authentication information: \(reason)")
    }
}
