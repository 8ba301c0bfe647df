// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import Synchronization

/// One call, sorted out.
struct Call: Sendable {
    let request: SimulatedRequest
    let operation: Operation
    let project: ProjectID?
    let task: TaskID?
    let requestID: String
    let behaviour: Behaviour
    let time: Date

    /// `http://host:port` the client used.
    var origin: String { "http://\(request.fields.first("Host") ?? "127.0.0.1")" }
}

extension SimulatedService {
    /// Judges, logs and answers one request. The caller carries the response out and reports to
    /// `log` under `number` what was sent.
    package func answer(_ request: SimulatedRequest) -> (number: Int, response: SimulatedResponse) {
        let call = sort(request)
        let verdict = credentials(of: call)
        let number = log.begin(
            request, operation: call.operation, task: call.task, credentials: verdict.label, at: call.time)
        var response = replacement(call) ?? regular(call, verdict: verdict)
        finishHead(&response, call)
        apply(&response, call)
        log.answered(number, status: response.status)
        return (number, response)
    }

    /// A refusal in the shape in force.
    func refuse(_ refusal: Refusal, _ call: Call) -> SimulatedResponse {
        let (mediaType, bytes) = refusal.body(shape: call.behaviour.errorShape, requestID: call.requestID)
        let isEmpty = bytes.isEmpty
        return SimulatedResponse(
            status: refusal.status, fields: (isEmpty ? [] : [HeaderField("Content-Type", mediaType)]) + refusal.fields,
            body: .bytes(bytes))
    }

    func json(_ text: String, status: Int = 200, fields: [HeaderField] = []) -> SimulatedResponse {
        SimulatedResponse(
            status: status, fields: [HeaderField("Content-Type", "application/json")] + fields,
            body: .bytes(Array(text.utf8)))
    }

    private func sort(_ request: SimulatedRequest) -> Call {
        let pieces = request.pieces
        let isAPI = pieces.count >= 4 && pieces[0] == "v2" && pieces[2] == "ies"
        let isLink = pieces.count == 3 && pieces[0] == "_link"
        let operation: Operation =
            switch (request.method, pieces.count) {
            case ("GET", 5) where isAPI && pieces[3] == "result": .result
            case ("GET", 5) where isAPI && pieces[3] == "task": .detail
            case ("GET", 4) where isAPI && pieces[3] == "task": .list
            case ("GET", 3) where isLink: .link
            case ("POST", 3) where pieces == ["v3", "auth", "tokens"]: .token
            case ("GET", 2) where pieces == ["v3", "projects"]: .projects
            case ("PUT", 4) where pieces == ["meta-data", "latest", "api", "token"]: .metadataToken
            case ("GET", 3) where pieces == ["openstack", "latest", "securitykey"]: .metadataKeys
            default: .other
            }
        let identifier = isLink ? pieces[2] : isAPI && pieces.count == 5 ? pieces[4] : nil
        let (number, behaviour) = state.withLock { state in
            state.requestNumber += 1
            return (state.requestNumber, state.behaviour)
        }
        return Call(
            request: request, operation: operation,
            project: isAPI || isLink ? ProjectID(rawValue: pieces[1]) : nil,
            task: identifier.flatMap { TaskID(rawValue: $0) },
            requestID: Hex.text(SHA256Digest.hash(Array("request \(number)".utf8)).prefix(16)),
            behaviour: behaviour, time: now)
    }

    private func credentials(of call: Call) -> Verdict {
        switch call.operation {
        case .token: .accepted("password")
        case .metadataToken, .metadataKeys: .accepted("none")
        case .link: authenticateLink(call)
        default: authenticate(call.request, project: call.project)
        }
    }

    private func regular(_ call: Call, verdict: Verdict) -> SimulatedResponse {
        let isAdmitted = state.withLock { $0.throttle.admits(at: call.time, limit: call.behaviour.callsPerSecond) }
        guard isAdmitted || [.link, .metadataToken, .metadataKeys].contains(call.operation) else {
            return throttled(status: 429, call.behaviour.retryAfter, call)
        }
        guard call.operation != .other else {
            return refuse(
                Refusal(
                    status: 404, code: "APIG.0101",
                    message: "The API does not exist or has not been published in the environment"), call)
        }
        if let refusal = verdict.refusal { return refuse(refusal, call) }
        switch call.operation {
        case .token: return tokenAnswer(call)
        case .projects: return projectsAnswer(call)
        case .metadataToken: return metadataTokenAnswer(call)
        case .metadataKeys: return metadataKeysAnswer(call)
        default: break
        }
        guard let project = call.project, state.withLock({ $0.projects.contains(project) }) else {
            return refuse(Refusal(code: "MSS.00010009", message: "URL中的租户与Token中的租户不一致"), call)
        }
        return switch call.operation {
        case .result, .link: resultAnswer(call, project: project)
        case .list: listAnswer(call, project: project)
        case .detail: detailAnswer(call, project: project)
        default: refuse(call.behaviour.unknown, call)
        }
    }

    func throttled(status: Int, _ retryAfter: RetryAfter, _ call: Call) -> SimulatedResponse {
        var refusal = Refusal(
            status: status, code: "APIG.0308",
            message: "The throttling threshold has been reached: policy user over ratelimit,limit:10,time:1 second")
        switch retryAfter {
        case .none: break
        case .seconds(let seconds): refusal.fields.append(HeaderField("Retry-After", "\(seconds)"))
        case .date(let delay):
            refusal.fields.append(HeaderField("Retry-After", Times.http(call.time + delay.seconds)))
        case .text(let text): refusal.fields.append(HeaderField("Retry-After", text))
        }
        return refuse(refusal, call)
    }

    /// Adds what every answer carries and the framing in force.
    private func finishHead(_ response: inout SimulatedResponse, _ call: Call) {
        response.latency = call.behaviour.latency
        response.bytesPerSecond = call.behaviour.bytesPerSecond
        response.fields.insert(HeaderField("Date", Times.http(call.time)), at: 0)
        if call.behaviour.sendsRequestID { response.fields.append(HeaderField("X-Request-Id", call.requestID)) }
        guard HTTPStatus.hasBody(response.status) else {
            response.body = .bytes([])
            return
        }
        let framing = response.isResult ? call.behaviour.framing : .length
        switch framing {
        case .length: response.fields.append(HeaderField("Content-Length", "\(response.bodyLength)"))
        case .chunked:
            response.fields.append(HeaderField("Transfer-Encoding", "chunked"))
            response.framing = .chunked(.none)
        case .untilClose:
            response.fields.append(HeaderField("Connection", "close"))
            response.framing = .untilClose
        }
        if call.request.method == "HEAD" { response.body = .bytes([]) }
    }
}
