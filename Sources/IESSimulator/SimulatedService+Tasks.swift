// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

extension SimulatedService {
    /// `GET …/ies/task`: a page of the tasks that pass the filters.
    func listAnswer(_ call: Call, project: ProjectID) -> SimulatedResponse {
        let behaviour = call.behaviour
        let resources = call.request.query.filter { $0.name == Array("resource".utf8) }
            .map { String(decoding: $0.value, as: UTF8.self) }
        let begin = call.request.parameter("begin_time").flatMap(Int64.init)
        let end = call.request.parameter("end_time").flatMap(Int64.init)
        let tasks = results(of: project).filter { result in
            guard result.isListed, resources.isEmpty || resources.contains(result.details.resource) else {
                return false
            }
            let started = result.details.begin.map(Times.milliseconds)
            return begin.map { bound in started.map { $0 >= bound } ?? true } ?? true
                && end.map { bound in started.map { $0 <= bound } ?? true } ?? true
        }
        let asked = (
            offset: call.request.parameter("offset").flatMap { Int($0) } ?? 0,
            limit: call.request.parameter("limit").flatMap { Int($0) } ?? behaviour.pageSize
        )
        guard asked.offset >= 0, asked.limit > 0 else {
            return refuse(Refusal(code: "MSS.000000003", message: "参数错误：offset或limit"), call)
        }
        let limit = min(asked.limit, behaviour.largestPageSize)
        let (start, told) =
            switch behaviour.paging {
            case .recordOffset: (asked.offset, (asked.offset, limit))
            case .pageIndex: (asked.offset.multipliedReportingOverflow(by: limit).partialValue, (asked.offset, limit))
            case .ignored: (0, (0, behaviour.pageSize))
            case .looping: (0, (asked.offset, limit))
            }
        let size = behaviour.paging == .ignored ? behaviour.pageSize : limit
        let page = tasks.dropFirst(max(0, start)).prefix(size).map { taskObject($0, call) }
        return json(
            "{\"offset\":\(told.0),\"limit\":\(told.1),\"count\":\(tasks.count + behaviour.countError),"
                + "\"data\":[\(page.joined(separator: ","))]}")
    }

    /// `GET …/ies/task/{id}`.
    func detailAnswer(_ call: Call, project: ProjectID) -> SimulatedResponse {
        guard let task = call.task, let result = result(task, project: project) else {
            return refuse(call.behaviour.unknown, call)
        }
        return json(taskObject(result, call))
    }

    private func taskObject(_ result: SimulatedResult, _ call: Call) -> String {
        let details = result.details
        var members = [
            ("resource", JSONText.quoted(details.resource)),
            ("task_name", JSONText.quoted(result.name)),
        ]
        func number(_ text: String) -> String {
            call.behaviour.numbersInTasks && Int64(text) != nil ? text : JSONText.quoted(text)
        }
        if let begin = details.begin { members.append(("begin_time", number("\(Times.milliseconds(begin))"))) }
        if let end = details.end, result.state != .running {
            members.append(("end_time", number("\(Times.milliseconds(end))")))
        }
        members += [
            ("task_type", number(details.type)),
            ("operator", JSONText.quoted(details.operatorName)),
            ("total_count", "\(details.total)"),
            ("success_count", "\(details.succeeded)"),
            ("failure_count", "\(details.failed)"),
            ("task_status", JSONText.quoted(details.status ?? Self.word(for: result.state))),
            ("task_id", JSONText.quoted(result.task.rawValue)),
            ("user_id", JSONText.quoted(details.userID)),
        ]
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    /// No value list is documented; these are words a reader understands.
    private static func word(for state: SimulatedResult.State) -> String {
        switch state {
        case .finished: "SUCCESS"
        case .running: "RUNNING"
        case .failed, .refused: "FAILED"
        }
    }
}
