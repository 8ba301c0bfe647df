// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

extension ControlFront {
    func counts(_ task: TaskID?) -> SimulatedResponse {
        let log = service.log
        let requests = task.map { log.count(of: $0) } ?? log.count
        let bytes = task.map { log.bytesSent(of: $0) } ?? log.bytesSent
        return Self.json(
            Array(
                """
                {"requests":\(requests),"bytesSent":\(bytes),"open":\(log.openCount),\
                "highestOpen":\(log.highestOpenCount),"connections":\(log.connectionCount)}

                """.utf8))
    }

    private struct ResultLine: Encodable {
        let id: String
        let name: String
        let state: String
        let size: Int64?
        let etag: String?
        let filename: String?
        let sha256: String?
    }

    func results(withChecksums: Bool) -> SimulatedResponse {
        let lines = service.results().map { result in
            ResultLine(
                id: result.task.rawValue, name: result.name, state: result.state.word, size: result.content.size,
                etag: result.etag, filename: result.filename, sha256: withChecksums ? result.content.sha256() : nil)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Self.json(Array((try? encoder.encode(lines)) ?? Data()) + [UInt8(ascii: "\n")])
    }

    func acceptTokens(_ text: String) throws(OrderError) {
        for text in OrderLine.lines(of: text) {
            var line = try OrderLine(text)
            guard let token = line.take("token") else { throw OrderError("no token= is given") }
            let project = line.take("project").flatMap { ProjectID(rawValue: $0) }
            let lifetime = try line.duration("lifetime")
            try line.finish()
            service.addToken(token, project: project, expires: lifetime.map { service.now + $0.seconds })
        }
    }

    func acceptKeys(_ text: String) throws(OrderError) {
        for text in OrderLine.lines(of: text) {
            var line = try OrderLine(text)
            guard let access = line.take("access"), let secret = line.take("secret") else {
                throw OrderError("access= and secret= are needed")
            }
            let token = line.take("security-token")
            let lifetime = try line.duration("lifetime")
            try line.finish()
            service.addKey(
                access, secret: secret, securityToken: token, expires: lifetime.map { service.now + $0.seconds })
        }
    }
}

extension SimulatedResult.State {
    /// For people.
    package var word: String {
        switch self {
        case .finished: "finished"
        case .running: "running"
        case .failed: "failed"
        case .refused: "refused"
        }
    }
}
