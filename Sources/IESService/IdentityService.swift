// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes

/// IAM, as far as it exchanges a password for a token of one project.
struct IdentityService: Sendable {
    let endpoint: Endpoint
    let transport: any Transport
    let settings: ServiceSettings

    /// A token of the project, from `POST /v3/auth/tokens`.
    func token(for login: PasswordLogin, project: ProjectID) async throws(CredentialError) -> IssuedCredentials {
        let answer = try await ask(try TokenRequest(login, project).encoded())
        guard answer.status == 201 else { throw refusal(answer, login, project) }
        guard let text = answer.head.headerFields[.subjectToken] else {
            throw CredentialError(.invalid, "IAM at \(endpoint) gives an answer without a token")
        }
        let token = try CredentialText.token(text, in: "the answer of IAM")
        let end = JSONText.read(answer.body).value?["token"]?["expires_at"]?.scalar
        return IssuedCredentials(
            credentials: .token(token), lifetime: end.flatMap { IssuerClock.lifetime(until: $0, answer, settings) })
    }

    private func ask(_ body: [UInt8]) async throws(CredentialError) -> PlainExchange.Answer {
        var head = HTTPRequest(
            method: .post, scheme: endpoint.scheme, authority: endpoint.authority,
            path: "/v3/auth/tokens?nocatalog=true")
        head.headerFields[.accept] = "*/*"
        head.headerFields[.acceptEncoding] = "identity"
        head.headerFields[.userAgent] = settings.userAgent
        head.headerFields[.contentType] = "application/json;charset=utf8"
        let request = TransportRequest(
            head: head, body: body, requiresHTTP1: false, connectTimeout: settings.connectTimeout,
            stallTimeout: settings.timeout)
        do throws(TransportError) {
            return try await PlainExchange(transport: transport, settings: settings).answer(to: request)
        } catch {
            throw CredentialError(.unavailable, "IAM at \(endpoint) cannot be asked for a token: \(error.clause)")
        }
    }

    /// Only that it refuses: its words could repeat what it was sent.
    private func refusal(
        _ answer: PlainExchange.Answer, _ login: PasswordLogin, _ project: ProjectID
    ) -> CredentialError {
        let status = "HTTP status \(answer.status)"
        return switch answer.status {
        case 401:
            CredentialError(
                .refused,
                """
                IAM at \(endpoint) gives no token for project \(project) (\(status)): check user_name, password and \
                domain_name, and that the project is theirs
                """)
        case 400, 403, 404:
            CredentialError(.denied, "IAM at \(endpoint) gives no token for project \(project) (\(status))")
        default: CredentialError(.unavailable, "IAM at \(endpoint) gives no token now (\(status))")
        }
    }
}

extension HTTPField.Name {
    fileprivate static let subjectToken = known("X-Subject-Token")
}

/// The body of the request. Never printed.
private struct TokenRequest: Encodable {
    struct Auth: Encodable {
        let identity: Identity
        let scope: Scope
    }
    struct Identity: Encodable {
        let methods = ["password"]
        let password: Password
    }
    struct Password: Encodable { let user: User }
    struct User: Encodable {
        let name: String
        let password: String
        let domain: Name
    }
    struct Name: Encodable { let name: String }
    struct Scope: Encodable { let project: Project }
    struct Project: Encodable { let id: String }

    let auth: Auth

    init(_ login: PasswordLogin, _ project: ProjectID) {
        let user = login.password.reveal {
            User(name: login.user, password: $0, domain: Name(name: login.domain))
        }
        auth = Auth(
            identity: Identity(password: Password(user: user)),
            scope: Scope(project: Project(id: project.rawValue)))
    }

    func encoded() throws(CredentialError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(self))
        } catch {
            throw CredentialError(.invalid, "the user name or password cannot be sent")
        }
    }
}

extension Endpoint {
    /// The variable by which the service's own tools give IAM another address.
    package static let identityVariable = "HUAWEICLOUD_SDK_IAM_ENDPOINT"

    /// Where IAM is for what is mounted: in the region, if SOURCE is one; else at the global address.
    package static func identity(
        for source: String, allowsHTTP: Bool = false, environment: [String: String] = [:]
    ) throws(EndpointError) -> Endpoint {
        if let text = environment[identityVariable], !text.isEmpty {
            do throws(EndpointError) {
                return try parse(text, allowsHTTP: allowsHTTP)
            } catch {
                throw EndpointError("\(identityVariable): \(error)")
            }
        }
        let host =
            !isRegion(source)
            ? "iam.myhuaweicloud.com"
            : source.hasPrefix("eu-") ? "iam.\(source).myhuaweicloud.eu" : "iam.\(source).myhuaweicloud.com"
        return Endpoint(scheme: "https", host: host, port: nil)
    }
}
