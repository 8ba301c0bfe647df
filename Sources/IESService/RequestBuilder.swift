// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes

extension HTTPField.Name {
    static let authToken = known("X-Auth-Token")
    static let securityToken = known("X-Security-Token")
    static let projectID = known("X-Project-Id")
    static let sdkDate = known("X-Sdk-Date")

    static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a field") }
        return name
    }
}

/// Makes the request that goes over the wire, for one attempt at one address.
struct RequestBuilder: Sendable {
    let call: ServiceCall
    let url: AbsoluteURL
    let settings: ServiceSettings

    /// - Parameters:
    ///   - credentials: Nil for every address but the endpoint's: such a request carries nothing that belongs to it.
    ///   - date: What is signed as the time of the request.
    func request(with credentials: Credentials?, at date: Date, connectTimeout: Duration) -> TransportRequest {
        // The transport makes the Host field of the authority, which is what is signed.
        var head = HTTPRequest(
            method: .get, scheme: url.origin.scheme, authority: url.origin.authority, path: url.target,
            headerFields: call.fields)
        head.headerFields[.accept] = "*/*"
        head.headerFields[.acceptEncoding] = "identity"
        head.headerFields[.userAgent] = settings.userAgent
        if let credentials { add(credentials, to: &head.headerFields, at: date) }
        return TransportRequest(
            head: head, requiresHTTP1: call.requiresHTTP1,
            connectTimeout: min(settings.connectTimeout, connectTimeout), stallTimeout: settings.timeout)
    }

    private func add(_ credentials: Credentials, to fields: inout HTTPFields, at date: Date) {
        // The official tools send it on every call, and some of the family's calls insist on it. Not signed.
        fields[.contentType] = "application/json"
        if let project = call.project { fields[.projectID] = project.rawValue }
        switch credentials {
        case .token(let token): set(.authToken, token, in: &fields)
        case .keys(let keys): sign(with: keys, &fields, at: date)
        }
    }

    private func sign(with keys: AccessKeys, _ fields: inout HTTPFields, at date: Date) {
        if let token = keys.securityToken { set(.securityToken, token, in: &fields) }
        let signed = [HTTPField.Name.projectID, .securityToken].compactMap { name in
            fields[name].map { RequestSigner.Header(name.rawName, $0) }
        }
        let date = SigningDate.text(date)
        let signature = RequestSigner.sign(
            RequestSigner.Request(
                method: "GET", host: url.origin.authority, path: String(url.target.prefix { $0 != "?" }),
                query: url.query, headers: signed), with: keys, date: date)
        fields[.sdkDate] = date
        set(.authorization, Secret(signature.authorization), in: &fields)
    }

    private func set(_ name: HTTPField.Name, _ secret: Secret, in fields: inout HTTPFields) {
        var field = secret.reveal { HTTPField(name: name, value: $0) }
        field.indexingStrategy = .disallow
        fields[fields: name] = [field]
    }
}
