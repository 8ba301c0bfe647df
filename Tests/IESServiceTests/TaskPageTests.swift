// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import IESService

@Suite struct TaskPageTests {
    private func page(_ text: String) -> TaskPage? { JSONText.read(Array(text.utf8)).value.flatMap(TaskPage.init) }

    @Test func `the published example is read with the text of its numbers`() throws {
        let read = page(
            """
            {"offset": 0, "limit": 10, "count": 1, "data": [{
                "resource": "knowledge-intent-question-create", "task_name": "导入问答对",
                "begin_time": 1744276967708, "end_time": 1744276967708, "task_type": 0, "task_status": "FINISHED",
                "task_id": "be0821bdf8d04949bf4c9852fa87c590", "total_count": 3, "success_count": "2",
                "failure_count": null, "operator": "o", "user_id": "u", "unknown": {"x": 1}}]}
            """)
        let page = try #require(read)
        #expect(page.offset == 0 && page.limit == 10 && page.count == 1 && page.size == 1)
        let task = try #require(page.tasks.first)
        #expect(task.taskID.rawValue == "be0821bdf8d04949bf4c9852fa87c590")
        #expect(task.name == "导入问答对")
        #expect(task.type == "0" && task.status == "FINISHED" && task.operator == "o" && task.userID == "u")
        #expect(task.totalCount == "3" && task.successCount == "2" && task.failureCount == nil)
        #expect(task.beginTime == "1744276967708")
        // 2025-04-10T09:22:47.708Z
        #expect(task.endDate == Date(timeIntervalSince1970: 1_744_276_967.708))
    }

    @Test func `one odd task does not spoil its page`() throws {
        let read = page(
            """
            {"count": "7", "data": [1, null, "x", [], {}, {"task_id": null}, {"task_id": {"a": 1}}, {"task_id": "../x"},
             {"task_id": 12345, "task_name": ["a"], "end_time": true, "task_status": 1.50}, {"task_id": "good"}]}
            """)
        let page = try #require(read)
        #expect(page.count == 7)
        #expect(page.size == 10)
        #expect(page.ids == ["../x", "12345", "good"])
        #expect(page.tasks.map(\.taskID.rawValue) == ["12345", "good"])
        #expect(page.tasks[0].name == nil)
        #expect(page.tasks[0].status == "1.50")
        #expect(page.tasks[0].endDate == nil)
    }

    @Test(arguments: ["[]", "1", #""x""#, #"{"data": {}}"#, #"{"data": "x"}"#, "null"])
    func `another document is no page`(text: String) {
        #expect(page(text) == nil)
    }

    @Test(arguments: ["{}", #"{"data": null}"#, #"{"data": [], "count": 0}"#])
    func `a page can be empty`(text: String) {
        #expect(page(text)?.size == 0)
    }

    @Test(arguments: ["-1", "1000001", "1e3", "99999999999999999999", "null", "\"x\"", "[]", "1.0"])
    func `a number outside the documented range counts as absent`(number: String) {
        let page = page(#"{"offset": \#(number), "limit": \#(number), "count": \#(number), "data": []}"#)
        #expect(page?.offset == nil && page?.limit == nil && page?.count == nil)
    }

    @Test(arguments: [
        ("1744276967708", 1_744_276_967.708), ("1744276967", 1_744_276_967), ("2025-04-10T09:22:47Z", 1_744_276_967),
        ("2025-04-10T09:22:47.708Z", 1_744_276_967.708),
    ])
    func `a time is a moment`(text: String, seconds: Double) throws {
        let date = try #require(TaskTime.date(text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.001)
    }

    @Test(arguments: ["", "0", "-5", "soon", "9223372036854775807", "99999999999999999999", "1e12", "true"])
    func `other times are none`(text: String) {
        #expect(TaskTime.date(text) == nil)
    }

    @Test func `a task survives being stored`() throws {
        var task = TaskRecord(taskID: try #require(TaskID(rawValue: "abc")))
        task.name = "导入"
        task.endTime = "1744276967708"
        let stored = try JSONEncoder().encode([task])
        #expect(try JSONDecoder().decode([TaskRecord].self, from: stored) == [task])
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode([TaskRecord].self, from: Data(#"[{"taskID": "../x"}]"#.utf8))
        }
    }
}
