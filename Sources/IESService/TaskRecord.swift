// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

extension TaskID: Codable {}

/// One task of the list, its fields as the service wrote them: documentation and examples disagree about their
/// types, so a number is kept as its digits.
package struct TaskRecord: Codable, Hashable, Sendable {
    package let taskID: TaskID
    package var name: String?
    package var resource: String?
    package var type: String?
    package var status: String?
    package var `operator`: String?
    package var userID: String?
    package var beginTime: String?
    package var endTime: String?
    package var totalCount: String?
    package var successCount: String?
    package var failureCount: String?

    package init(taskID: TaskID) {
        self.taskID = taskID
    }

    /// `endTime` as a moment, if it is one.
    package var endDate: Date? { endTime.flatMap(TaskTime.date) }
}

/// The tasks of a project, each once, in the order the service gave them.
package struct TaskList: Hashable, Sendable {
    package var tasks: [TaskRecord]
    /// False: the service may have more tasks than it told.
    package var isComplete: Bool

    package init(tasks: [TaskRecord], isComplete: Bool) {
        self.tasks = tasks
        self.isComplete = isComplete
    }
}
