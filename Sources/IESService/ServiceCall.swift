// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes

/// One call of the service, before it is authenticated: what stays the same through retries and redirects.
struct ServiceCall: Sendable {
    let project: ProjectID?
    /// Percent-encoded.
    let path: String
    let query: [(name: String, value: String)]
    /// Besides those that every request has.
    let fields: HTTPFields
    let isSigned: Bool
    let followsRedirects: Bool
    let requiresHTTP1: Bool
    /// At most this many, whatever the settings say.
    let retryLimit: Int
    /// While the endpoint is lost it is tried again until the deadline, however often that is.
    let outlastsOutages: Bool

    private init(
        project: ProjectID?, path: [String], query: [(name: String, value: String)] = [], fields: HTTPFields = [:],
        isSigned: Bool = true, followsRedirects: Bool = true, requiresHTTP1: Bool = false, retryLimit: Int = .max,
        outlastsOutages: Bool = false
    ) {
        self.project = project
        self.path = "/" + path.map { PercentEncoding.encode($0) }.joined(separator: "/")
        self.query = query
        self.fields = fields
        self.isSigned = isSigned
        self.followsRedirects = followsRedirects
        self.requiresHTTP1 = requiresHTTP1
        self.retryLimit = retryLimit
        self.outlastsOutages = outlastsOutages
    }

    /// Path and query as they are sent, and signed.
    var target: String {
        query.isEmpty ? path : "\(path)?\(RequestSigner.canonicalQuery(query))"
    }

    /// The answer can be that nothing has changed.
    var isConditional: Bool { fields[.ifNoneMatch] != nil || fields[.ifModifiedSince] != nil }

    /// It asks for a part of one known version, so that a link to that version answers it as well as the endpoint.
    var mayUseLink: Bool { fields[.ifRange] != nil }

    /// `GET …/ies/result/{id}`
    static func result(
        _ id: ResultID, range: Range<Int64>?, ifRange: Validator?, revalidating: Validator?,
        outlastsOutages: Bool = false
    ) -> ServiceCall {
        var fields = HTTPFields()
        if let range {
            precondition(range.lowerBound >= 0 && !range.isEmpty, "a request for no bytes")
            fields[.range] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
            if let strong = ifRange?.strong { fields[.ifRange] = strong }
        }
        if let etag = revalidating?.etag { fields[.ifNoneMatch] = etag }
        if let date = revalidating?.lastModified { fields[.ifModifiedSince] = date }
        return ServiceCall(
            project: id.project, path: ["v2", id.project.rawValue, "ies", "result", id.task.rawValue], fields: fields,
            requiresHTTP1: true, outlastsOutages: outlastsOutages)
    }

    /// `GET …/ies/task`
    static func tasks(of project: ProjectID, _ request: TaskPaging.Request, retryLimit: Int = .max) -> ServiceCall {
        var query: [(name: String, value: String)] = []
        if let offset = request.offset { query.append(("offset", String(offset))) }
        if let limit = request.limit { query.append(("limit", String(limit))) }
        return ServiceCall(
            project: project, path: ["v2", project.rawValue, "ies", "task"], query: query, retryLimit: retryLimit)
    }

    /// `GET /v3/projects`, of IAM.
    static func projects(named name: String) -> ServiceCall {
        ServiceCall(project: nil, path: ["v3", "projects"], query: [("name", name)])
    }

    /// `GET /`, without credentials: whether anything answers there.
    static let greeting = ServiceCall(project: nil, path: [""], isSigned: false, followsRedirects: false, retryLimit: 0)
}
