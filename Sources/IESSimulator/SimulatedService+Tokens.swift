// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import Synchronization

extension SimulatedService {
    /// `POST /v3/auth/tokens`: a password against a token in `X-Subject-Token` (facts/credentials.md section 4).
    func tokenAnswer(_ call: Call) -> SimulatedResponse {
        guard let body = try? JSONDecoder().decode(TokenRequest.self, from: Data(call.request.body)),
            body.auth.identity.methods == ["password"], let user = body.auth.identity.password?.user
        else {
            return refuse(.token(400, "Expecting to find methods, user and scope in the request body"), call)
        }
        let accounts = state.withLock { $0.accounts }
        guard user.name == accounts.user, user.password == accounts.password, user.domain.name == accounts.domain
        else {
            return refuse(.token(401, "The username or password is wrong."), call)
        }
        let scope = body.auth.scope?.project
        let project: ProjectID
        switch (scope?.id, scope?.name) {
        case (let id?, _):
            guard let known = state.withLock({ $0.projects.first { $0.rawValue == id } }) else {
                return refuse(.token(401, "The project is not found."), call)
            }
            project = known
        case (nil, SimulatedAccount.region?): project = self.project
        case (nil, .some): return refuse(.token(401, "The project is not found."), call)
        case (nil, nil): return refuse(.token(400, "The scope of a project is missing."), call)
        }
        let expires = call.time + accounts.tokenLifetime.seconds
        let token = state.withLock { state in
            state.accounts.issued += 1
            let token = "simulated-issued-token-\(state.accounts.issued)"
            state.accounts.tokens[token] = Accounts.Token(project: project, expires: expires)
            return token
        }
        return json(
            """
            {"token":{"expires_at":"\(Times.iam(expires))","issued_at":"\(Times.iam(call.time))","methods":["password"],\
            "project":{"id":"\(project)","name":"\(SimulatedAccount.region)","domain":{"id":"d78cbac1","name":\
            \(JSONText.quoted(accounts.domain))}},"roles":[],"catalog":[],"user":{"id":"7116d09f","name":\
            \(JSONText.quoted(accounts.user)),"domain":{"id":"d78cbac1","name":\(JSONText.quoted(accounts.domain))}}}}
            """, status: 201, fields: [HeaderField("X-Subject-Token", token)])
    }
}

extension Refusal {
    fileprivate static func token(_ status: Int, _ message: String) -> Self {
        Refusal(status: status, code: "", message: message, shape: .iam)
    }
}

/// The parts of the request body that are looked at.
private struct TokenRequest: Decodable {
    struct Auth: Decodable {
        let identity: Identity
        let scope: Scope?
    }
    struct Identity: Decodable {
        let methods: [String]
        let password: Password?
    }
    struct Password: Decodable { let user: User }
    struct User: Decodable {
        let name: String
        let password: String
        let domain: Domain
    }
    struct Domain: Decodable { let name: String }
    struct Scope: Decodable { let project: Project? }
    struct Project: Decodable {
        let id: String?
        let name: String?
    }
    let auth: Auth
}
