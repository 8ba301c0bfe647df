// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

/// Takes orders for a running simulator over HTTP, for tests and scripts that started it as a process of
/// its own. `SimulatorHelp.control` lists them. Loopback only, so no credentials are asked for.
struct ControlFront: Sendable {
    let server: SimulatorServer

    var service: SimulatedService { server.service }

    static func handles(_ request: SimulatedRequest) -> Bool { request.path.hasPrefix("/_simulator/") }

    func answer(_ request: SimulatedRequest) async -> SimulatedResponse {
        var response: SimulatedResponse
        do throws(OrderError) {
            response = try await obey(request)
        } catch {
            response = Self.text("\(error)\n", status: 400)
        }
        response.fields.append(HeaderField("Content-Length", "\(response.bodyLength)"))
        return response
    }

    private func obey(_ request: SimulatedRequest) async throws(OrderError) -> SimulatedResponse {
        let pieces = Array(request.pieces.dropFirst())
        let order = pieces.joined(separator: "/")
        if let response = try simple(request, order: "\(request.method) \(order)") { return response }
        if let response = try task(request, pieces) { return response }
        if let response = try await waiting(request, order: order) { return response }
        return Self.text("no such order; see /_simulator/help\n", status: 404)
    }

    private func simple(_ request: SimulatedRequest, order: String) throws(OrderError) -> SimulatedResponse? {
        let text = String(decoding: request.body, as: UTF8.self)
        let task = try Self.task(request)
        switch order {
        case "GET help": return Self.text(SimulatorHelp.text)
        case "GET faults":
            return Self.text(service.faults.map { "\("\($0)".prefix(500))\n" }.joined())
        case "POST faults":
            for rule in try Self.parsed(text, FaultRule.init(parsing:)) { service.inject(rule) }
        case "DELETE faults":
            if let task { service.clearFaults(of: task) } else { service.clearFaults() }
        case "POST switches":
            for line in OrderLine.lines(of: text) { try service.setSwitches(line) }
        case "GET results": return results(withChecksums: request.parameter("sha256") == "yes")
        case "POST results":
            for line in OrderLine.lines(of: text) { try service.setResult(line) }
        case "GET log": return Self.json(service.log.json(task: task) + [UInt8(ascii: "\n")])
        case "DELETE log": service.log.reset()
        case "GET counts": return counts(task)
        case "POST tokens": try acceptTokens(text)
        case "DELETE tokens":
            if let token = request.parameter("token") { service.removeToken(token) } else { service.expireTokens() }
        case "POST keys": try acceptKeys(text)
        case "DELETE keys": service.removeKey(request.parameter("access") ?? "")
        case "POST reset": service.reset()
        default: return nil
        }
        return Self.text("done\n")
    }

    private func task(_ request: SimulatedRequest, _ pieces: [String]) throws(OrderError) -> SimulatedResponse? {
        guard pieces.count == 2, pieces[0] == "results" else { return nil }
        guard let task = TaskID(rawValue: pieces[1]) else { throw OrderError("\"\(pieces[1])\" is not a task id") }
        switch request.method {
        case "PUT":
            if service.result(task) == nil {
                service.add(SimulatedResult(task, content: .bytes(request.body)))
            } else {
                service.replace(task, with: .bytes(request.body))
            }
        case "DELETE": service.remove(task)
        default: return nil
        }
        return Self.text("done\n")
    }

    /// Orders that take their time.
    private func waiting(_ request: SimulatedRequest, order: String) async throws(OrderError) -> SimulatedResponse? {
        switch (request.method, order) {
        case ("GET", "wait"):
            let condition = try Self.condition(request)
            let timeout = request.parameter("timeout").flatMap { OrderText.duration($0) } ?? .seconds(30)
            return await holds(condition, within: timeout)
                ? Self.text("so it is\n") : Self.text("not within \(timeout)\n", status: 408)
        case ("POST", "outage"):
            guard let time = request.parameter("time").flatMap({ OrderText.duration($0) }) else {
                throw OrderError("outage needs a time, as in outage?time=5s")
            }
            await server.suspend()
            let server = server
            Task {
                try? await Task.sleep(for: time)
                try? await server.resume()
            }
            return Self.text("down for \(time)\n")
        default: return nil
        }
    }

    private func holds(_ condition: RequestLog.Condition, within timeout: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            let log = service.log
            group.addTask { (try? await log.wait(for: condition)) != nil }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }

    private static func condition(_ request: SimulatedRequest) throws(OrderError) -> RequestLog.Condition {
        let task = try task(request)
        func number(_ name: String) -> Int64? { request.parameter(name).flatMap { OrderText.size($0) } }
        if let count = number("arrived") { return .arrived(Int(count), task: task) }
        if let count = number("ended") { return .ended(Int(count), task: task) }
        if let bytes = number("sent") { return .sent(bytes, task: task) }
        if let count = number("open") { return .open(Int(count)) }
        throw OrderError("wait needs one of arrived, ended, sent, open with a number")
    }

    /// All lines or none: a mistake in the last leaves nothing done.
    private static func parsed<Value>(
        _ text: String, _ parse: (String) throws(OrderError) -> Value
    ) throws(OrderError) -> [Value] {
        var values: [Value] = []
        for line in OrderLine.lines(of: text) { values.append(try parse(line)) }
        return values
    }

    private static func task(_ request: SimulatedRequest) throws(OrderError) -> TaskID? {
        guard let text = request.parameter("id") else { return nil }
        guard let task = TaskID(rawValue: text) else { throw OrderError("\"\(text)\" is not a task id") }
        return task
    }

    static func text(_ text: String, status: Int = 200) -> SimulatedResponse {
        SimulatedResponse(
            status: status, fields: [HeaderField("Content-Type", "text/plain; charset=utf-8")],
            body: .bytes(Array(text.utf8)))
    }

    static func json(_ bytes: [UInt8]) -> SimulatedResponse {
        SimulatedResponse(status: 200, fields: [HeaderField("Content-Type", "application/json")], body: .bytes(bytes))
    }
}
