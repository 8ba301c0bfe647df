// SPDX-License-Identifier: Apache-2.0

/// One page of the task list, as far as it can be understood.
struct TaskPage: Hashable, Sendable {
    /// What the service says it answered; nil for what is absent or not a number of the documented range.
    var offset: Int?
    var limit: Int?
    var count: Int?
    /// How many tasks the page has, odd ones included.
    var size: Int
    /// The ids of its tasks, whatever their form; they tell whether a page is new.
    var ids: [String]
    /// The tasks that can be shown: those whose id has the form of one.
    var tasks: [TaskRecord]

    /// Nil unless `document` is an object whose `data` is a list, or is null or absent.
    init?(_ document: JSONText) {
        guard case .object = document else { return nil }
        switch document["data"] {
        case .array(let elements):
            size = elements.count
            ids = elements.compactMap { $0["task_id"]?.scalar?.prefix(utf8: Self.longestID) }
            tasks = elements.compactMap(Self.task)
        case nil, .null:
            size = 0
            ids = []
            tasks = []
        default: return nil
        }
        offset = Self.number("offset", document)
        limit = Self.number("limit", document)
        count = Self.number("count", document)
    }

    /// No id of a task is longer; of a longer one this much tells it from others.
    private static let longestID = 256
    private static let largestNumber: Int64 = 1_000_000

    private static func number(_ name: String, _ document: JSONText) -> Int? {
        guard let text = document[name]?.scalar, let number = DecimalDigits.value(text), number <= largestNumber else {
            return nil
        }
        return Int(number)
    }

    /// Longer values say nothing to a reader and would not fit an attribute.
    private static let longestText = 4096

    private static func text(_ name: String, _ task: JSONText) -> String? {
        task[name]?.scalar?.prefix(utf8: longestText)
    }

    private static func task(_ element: JSONText) -> TaskRecord? {
        guard let id = text("task_id", element).flatMap(TaskID.init) else { return nil }
        var task = TaskRecord(taskID: id)
        task.name = text("task_name", element)
        task.resource = text("resource", element)
        task.type = text("task_type", element)
        task.status = text("task_status", element)
        task.operator = text("operator", element)
        task.userID = text("user_id", element)
        task.beginTime = text("begin_time", element)
        task.endTime = text("end_time", element)
        task.totalCount = text("total_count", element)
        task.successCount = text("success_count", element)
        task.failureCount = text("failure_count", element)
        return task
    }
}
