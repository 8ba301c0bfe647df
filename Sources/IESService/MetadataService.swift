// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Synchronization

/// The metadata service of a cloud server, which hands out temporary keys to a server that has an agency.
///
/// Asked without a proxy, whatever the environment says: it is an address of this machine's own network.
final class MetadataService: Sendable {
    static let tokenLifetime: Duration = .seconds(21600)
    /// How long a service without tokens is not asked for one again.
    static let tokenAbsence: Duration = .seconds(86400)
    /// The service is a hop away, or is not there.
    private static let patience: Duration = .seconds(3)

    private struct State {
        var token: (text: Secret, until: ContinuousClock.Instant)?
        var hasNoTokensUntil: ContinuousClock.Instant?
    }

    let endpoint: Endpoint
    private let exchange: PlainExchange
    private let settings: ServiceSettings
    private let state = Mutex(State())

    init(endpoint: Endpoint, transport: any Transport, settings: ServiceSettings) {
        self.endpoint = endpoint
        self.settings = settings
        exchange = PlainExchange(transport: transport, settings: settings, limit: .seconds(10))
    }

    func issue() async throws(CredentialError) -> IssuedCredentials {
        var answer = try await keys(with: try await token())
        if answer.status == 401, !saysThatNoAgencyIsThere(answer) {
            answer = try await keys(with: try await newToken())
        }
        guard answer.status == 200 else {
            throw CredentialError(
                answer.status >= 500 || answer.status == 429 ? .unavailable : .missing,
                """
                the metadata service \(endpoint) gives no keys (HTTP status \(answer.status)): the server needs an agency
                """)
        }
        return try read(answer)
    }

    // MARK: The token step

    /// Nil where the service has none.
    private func token() async throws(CredentialError) -> Secret? {
        let now = settings.instant()
        let (held, hasNone) = state.withLock { state in
            (state.token.flatMap { now < $0.until ? $0.text : nil }, state.hasNoTokensUntil.map { now < $0 } ?? false)
        }
        if let held { return held }
        if hasNone { return nil }
        let answer = try await askForToken()
        if [404, 405, 503].contains(answer.status) {
            state.withLock { $0.hasNoTokensUntil = now + Self.tokenAbsence }
            return nil
        }
        return try keep(answer, at: now)
    }

    private func newToken() async throws(CredentialError) -> Secret {
        try keep(try await askForToken(), at: settings.instant())
    }

    private func askForToken() async throws(CredentialError) -> PlainExchange.Answer {
        try await ask(.put, "/meta-data/latest/api/token") { fields in
            fields[.metadataTokenLifetime] = String(Self.tokenLifetime.components.seconds)
        }
    }

    private func keep(_ answer: PlainExchange.Answer, at now: ContinuousClock.Instant) throws(CredentialError) -> Secret
    {
        guard answer.status == 200 else {
            throw CredentialError(
                .unavailable, "the metadata service \(endpoint) gives no token (HTTP status \(answer.status))")
        }
        let token = try CredentialText.token(
            String(decoding: answer.body, as: UTF8.self), in: "the answer of the metadata service \(endpoint)")
        state.withLock { state in
            state.hasNoTokensUntil = nil
            // Some time before the service forgets it.
            state.token = (token, now + Self.tokenLifetime - .seconds(600))
        }
        return token
    }

    // MARK: The keys

    private func keys(with token: Secret?) async throws(CredentialError) -> PlainExchange.Answer {
        try await ask(.get, "/openstack/latest/securitykey") { fields in
            guard let token else { return }
            token.reveal { fields[.metadataToken] = $0 }
        }
    }

    private func ask(
        _ method: HTTPRequest.Method, _ path: String, _ addFields: (inout HTTPFields) -> Void
    ) async throws(CredentialError) -> PlainExchange.Answer {
        var head = HTTPRequest(
            method: method, scheme: endpoint.scheme, authority: endpoint.authority, path: path)
        head.headerFields[.accept] = "*/*"
        head.headerFields[.userAgent] = settings.userAgent
        addFields(&head.headerFields)
        var request = TransportRequest(
            head: head, requiresHTTP1: true, connectTimeout: Self.patience, stallTimeout: Self.patience)
        request.avoidsProxy = true
        do throws(TransportError) {
            return try await exchange.answer(to: request)
        } catch {
            throw CredentialError(
                .unavailable, "the metadata service \(endpoint) cannot be asked: \(error.clause)")
        }
    }

    private func saysThatNoAgencyIsThere(_ answer: PlainExchange.Answer) -> Bool {
        String(decoding: answer.body, as: UTF8.self).lowercased().contains("agency")
    }

    private func read(_ answer: PlainExchange.Answer) throws(CredentialError) -> IssuedCredentials {
        let document = JSONText.read(answer.body).value
        let body = document?["credential"] ?? document?["credentials"] ?? document
        func text(_ names: String...) -> String? {
            names.lazy.compactMap { body?[$0]?.scalar }.first { !$0.isEmpty }
        }
        guard let access = text("access", "accessKeyId", "access_key_id"),
            let secret = text("secret", "secretAccessKey", "secret_access_key")
        else {
            throw CredentialError(.invalid, "the metadata service \(endpoint) gives an answer that has no keys in it")
        }
        let keys = try CredentialText.keys(
            access, Secret(secret), text("securitytoken", "securityToken", "security_token").map { Secret($0) },
            in: "the answer of the metadata service")
        return IssuedCredentials(
            credentials: .keys(keys),
            lifetime: text("expires_at", "expiration").flatMap { IssuerClock.lifetime(until: $0, answer, settings) })
    }
}

/// How long something lasts, by the clock of who issued it: this machine's may be wrong.
enum IssuerClock {
    static func lifetime(
        until text: String, _ answer: PlainExchange.Answer, _ settings: ServiceSettings
    ) -> Duration? {
        guard let end = TaskTime.date(text) else { return nil }
        let now = settings.now()
        let date = answer.head.headerFields[.date].flatMap { HTTPDate.parse($0, now: now) } ?? now
        return max(.zero, .seconds(end.timeIntervalSince(date)))
    }
}

extension HTTPField.Name {
    fileprivate static let metadataToken = known("X-Metadata-Token")
    fileprivate static let metadataTokenLifetime = known("X-Metadata-Token-Ttl-Seconds")
}
