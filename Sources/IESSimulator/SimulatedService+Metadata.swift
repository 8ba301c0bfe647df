// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import Synchronization

/// The metadata service of a cloud server (facts/credentials.md section 7), and IAM's list of projects (section 5).
extension SimulatedService {
    func metadataTokenAnswer(_ call: Call) -> SimulatedResponse {
        guard call.behaviour.metadataTokens != .absent else { return plain("404 Not Found", status: 404) }
        guard let lifetime = call.request.fields.first("X-Metadata-Token-Ttl-Seconds").flatMap({ Int($0) }),
            (1...21600).contains(lifetime), !isProxied(call)
        else { return plain("400 Bad Request", status: 400) }
        let token = state.withLock { state in
            state.accounts.issued += 1
            let token = "simulated-metadata-token-\(state.accounts.issued)"
            state.accounts.metadataTokens.insert(token)
            return token
        }
        return plain(token)
    }

    func metadataKeysAnswer(_ call: Call) -> SimulatedResponse {
        guard !isProxied(call) else { return plain("403 Forbidden", status: 403) }
        let given = call.request.fields.first("X-Metadata-Token")
        let isGood = given.map { token in state.withLock { $0.accounts.metadataTokens.contains(token) } }
        guard isGood ?? (call.behaviour.metadataTokens != .required) else {
            return plain("401 Unauthorized", status: 401)
        }
        guard call.behaviour.hasAgency else { return plain("no agency is configured for this server", status: 401) }
        let keys = currentKeys(call)
        return json(
            """
            {"credential":{"access":"\(keys.access)","secret":"\(keys.secret)","expires_at":\
            "\(Times.iam(keys.expires))","securitytoken":"\(keys.securityToken)"}}
            """)
    }

    /// Forgets the tokens of the metadata service, as a restart of it does.
    package func forgetMetadataTokens() { state.withLock { $0.accounts.metadataTokens.removeAll() } }

    /// The keys that the metadata service gave last are refused from now on, and others are there.
    package func revokeServedKeys() {
        state.withLock { state in
            if let last = state.accounts.served.popLast() { state.accounts.keys[last.access] = nil }
        }
    }

    func projectsAnswer(_ call: Call) -> SimulatedResponse {
        let name = call.request.parameter("name")
        let projects = state.withLock { $0.projects }
        // The first is the region's own; others are made in it by its users.
        let all = projects.enumerated().map { index, project in
            (id: project.rawValue, name: SimulatedAccount.region + (index == 0 ? "" : "_project\(index)"))
        }
        let found = all.filter { name == nil || $0.name == name }.map { project in
            """
            {"domain_id":"d78cbac1","is_domain":false,"parent_id":"d78cbac1","name":"\(project.name)",\
            "description":"","links":{"self":"\(call.origin)/v3/projects/\(project.id)"},"id":"\(project.id)",\
            "enabled":true}
            """
        }
        return json("{\"projects\":[\(found.joined(separator: ","))],\"links\":{\"next\":null,\"previous\":null}}")
    }

    private func currentKeys(_ call: Call) -> Accounts.ServedKeys {
        state.withLock { state in
            if let last = state.accounts.served.last, call.time < last.successor { return last }
            state.accounts.issued += 1
            let number = state.accounts.issued
            let lifetime = call.behaviour.keyLifetime
            let keys = Accounts.ServedKeys(
                access: "SERVEDACCESSKEY\(number)", secret: "servedSecretKeyOfNoOtherUse\(number)",
                securityToken: "served-security-token-\(number)", expires: call.time + lifetime.seconds,
                successor: call.time + max(lifetime - .seconds(600), lifetime / 2).seconds)
            state.accounts.served.append(keys)
            state.accounts.keys[keys.access] = Accounts.Key(
                secret: keys.secret, securityToken: keys.securityToken, expires: keys.expires)
            return keys
        }
    }

    /// Whoever asks through a proxy could be anyone.
    private func isProxied(_ call: Call) -> Bool {
        call.request.target.hasPrefix("http") || call.request.fields.first("Via") != nil
            || call.request.fields.first("X-Forwarded-For") != nil
    }

    private func plain(_ text: String, status: Int = 200) -> SimulatedResponse {
        SimulatedResponse(
            status: status, fields: [HeaderField("Content-Type", "text/plain")], body: .bytes(Array(text.utf8)))
    }
}
