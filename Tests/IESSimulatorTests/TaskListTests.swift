// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite struct TaskListTests {
    static let ids = (0..<25).map { "task-\($0)" }

    struct Page {
        let offset: Int
        let limit: Int
        let count: Int
        let ids: [String]
    }

    private func page(_ simulator: Simulator, _ query: String) async throws -> Page {
        let object = try json(try await simulator.curl(simulator.list + query).text)
        let data = try #require(object["data"] as? [[String: Any]])
        return Page(
            offset: try #require(object["offset"] as? Int), limit: try #require(object["limit"] as? Int),
            count: try #require(object["count"] as? Int), ids: data.compactMap { $0["task_id"] as? String })
    }

    @Test(arguments: [
        (Behaviour.Paging.recordOffset, 0, 0, 0..<10), (.recordOffset, 10, 10, 10..<20),
        (.recordOffset, 20, 20, 20..<25), (.recordOffset, 30, 30, 25..<25), (.pageIndex, 0, 0, 0..<10),
        (.pageIndex, 1, 1, 10..<20), (.pageIndex, 2, 2, 20..<25), (.pageIndex, 3, 3, 25..<25),
        (.ignored, 10, 0, 0..<10), (.looping, 10, 10, 0..<10), (.looping, 90, 90, 0..<10),
    ])
    func `each way of paging gives its page`(
        paging: Behaviour.Paging, asked: Int, told: Int, records: Range<Int>
    ) async throws {
        try await Simulator.with(Self.ids.map { SimulatedResult(TaskID($0)) }) { simulator in
            simulator.service.change { $0.paging = paging }
            let page = try await page(simulator, "?offset=\(asked)&limit=10")
            #expect(page.offset == told)
            #expect(page.limit == 10)
            #expect(page.count == 25)
            #expect(page.ids == Array(Self.ids[records]))
        }
    }

    @Test func `ten tasks a page without a limit, and the count may be wrong`() async throws {
        try await Simulator.with(Self.ids.map { SimulatedResult(TaskID($0)) }) { simulator in
            simulator.service.change { $0.countError = -20 }
            let page = try await page(simulator, "")
            #expect(page.ids == Array(Self.ids[..<10]))
            #expect(page.count == 5)
        }
    }

    @Test func `a task has the documented fields, as numbers or as text`() async throws {
        var details = TaskDetails()
        details.type = "0"
        details.operatorName = "管理员"
        let task = TaskID("abc")
        try await Simulator.with([SimulatedResult(task, name: "导入\"问答对\"", details: details)]) { simulator in
            let object = try json(try await simulator.curl("\(simulator.list)/abc").text)
            #expect(
                Set(object.keys) == [
                    "resource", "task_name", "begin_time", "end_time", "task_type", "operator", "total_count",
                    "success_count", "failure_count", "task_status", "task_id", "user_id",
                ])
            #expect(object["task_name"] as? String == "导入\"问答对\"")
            #expect(object["operator"] as? String == "管理员")
            #expect(object["end_time"] as? Int == 1_744_276_967_708)
            #expect(object["task_type"] as? Int == 0)
            simulator.service.change { $0.numbersInTasks = false }
            let text = try json(try await simulator.curl("\(simulator.list)/abc").text)
            #expect(text["end_time"] as? String == "1744276967708")
            #expect(text["task_type"] as? String == "0")
        }
    }

    @Test func `filters leave out what does not pass them, and unlisted tasks are not listed`() async throws {
        var other = TaskDetails()
        other.resource = "b c"
        other.begin = Date(timeIntervalSince1970: 1_700_000_000)
        let results = [
            SimulatedResult(TaskID("a")), SimulatedResult(TaskID("b"), details: other),
            SimulatedResult(TaskID("hidden"), isListed: false),
        ]
        try await Simulator.with(results) { simulator in
            try await expect(page(simulator, "").ids, ["a", "b"])
            try await expect(page(simulator, "?resource=b%20c").ids, ["b"])
            try await expect(page(simulator, "?resource=x&resource=b%20c").ids, ["b"])
            try await expect(page(simulator, "?begin_time=1700000000001").ids, ["a"])
            try await expect(page(simulator, "?end_time=1700000000000").ids, ["b"])
        }
    }
}
