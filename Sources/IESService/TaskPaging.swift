// SPDX-License-Identifier: Apache-2.0

/// Decides which page of the task list to ask for next, and when to stop.
///
/// Neither the request parameters nor the unit of `offset` (records, or pages) are settled by the documentation, so
/// each page is judged by the ids it brings, offsets only grow, and the number of pages is bounded. Offsets are first
/// taken for records, as in sibling calls; each page must bring a new id. If that ends before `count` tasks are known, a
/// second pass takes offsets for pages, which must not overlap. A service that refuses the parameters is asked without
/// them.
struct TaskPaging: Hashable, Sendable {
    struct Request: Hashable, Sendable {
        /// Nil: no parameters at all.
        var offset: Int?
        var limit: Int?
    }

    enum Step: Hashable, Sendable {
        case ask(Request)
        case finished(TaskList)
    }

    /// The most that sibling calls allow.
    static let limit = 100
    static let mostPages = 1000
    static let mostTasks = 100_000
    /// Of all pages together, as they were received.
    static let mostBytes = 64 << 20
    private static let largestOffset = 1_000_000

    private enum Unit { case records, pages, none }

    private var unit = Unit.records
    private var sent = 0
    private var pages = 0
    private var bytes = 0
    /// A page past the last task was empty: there are no more, if offsets count records.
    private var hasSeenEnd = false
    private var known: Set<String> = []
    /// Seen since the pages began to be counted, and on the first page.
    private var seen: Set<String> = []
    private var firstPage: Set<String> = []
    private var tasks: [TaskRecord] = []

    /// The first request.
    var first: Request { Request(offset: 0, limit: Self.limit) }

    /// The answer to the last request, a document of `bytes` bytes.
    mutating func received(_ page: TaskPage, bytes: Int = 0) -> Step {
        pages += 1
        self.bytes += bytes
        let before = known.count
        var named: Set<TaskID> = []
        for id in page.ids where known.insert(id).inserted { _ = TaskID(rawValue: id).map { named.insert($0) } }
        for task in page.tasks where named.remove(task.taskID) != nil { tasks.append(task) }
        if pages == 1 { firstPage = known }
        let goesOn = unit == .pages ? isNextPage(page) : known.count > before

        if let count = page.count, known.count >= count, count > 0 || page.size == 0 { return finish(isComplete: true) }
        guard pages < Self.mostPages, known.count < Self.mostTasks, self.bytes < Self.mostBytes, unit != .none else {
            return finish(isComplete: false)
        }
        if page.count == nil {
            if isLast(page) { return finish(isComplete: true) }
            hasSeenEnd = hasSeenEnd || page.size == 0
        }
        guard goesOn, let next = next(after: page) else { return changeUnit() }
        return ask(next)
    }

    /// The last request was refused, or failed; what is known is kept. Nil: nothing is known, and that failure is the
    /// answer.
    ///
    /// - Parameter isInvalid: The service did not accept the parameters.
    mutating func failed(isInvalid: Bool) -> Step? {
        pages += 1
        if pages == 1 {
            guard isInvalid else { return nil }
            unit = .none
            return .ask(Request())
        }
        guard unit != .none else { return nil }
        return isInvalid ? changeUnit() : finish(isComplete: false)
    }

    /// Without a `count`, a page with room left is the last one, and an empty first page the only one.
    private func isLast(_ page: TaskPage) -> Bool {
        page.size == 0 ? pages == 1 : page.size < page.limit ?? 0
    }

    /// Most of it has not been seen on a page before: tasks that are added meanwhile push others to the next page, but
    /// where offsets count records, two "pages" differ by one task.
    private mutating func isNextPage(_ page: TaskPage) -> Bool {
        let fresh = Set(page.ids).subtracting(seen)
        seen.formUnion(fresh)
        return fresh.count * 2 > page.ids.count
    }

    private func next(after page: TaskPage) -> Int? {
        let answered = max(sent, page.offset ?? sent)
        let next = answered + (unit == .pages ? 1 : page.size)
        return next > sent && next <= Self.largestOffset ? next : nil
    }

    private mutating func changeUnit() -> Step {
        guard unit == .records, !known.isEmpty else { return finish(isComplete: hasSeenEnd) }
        unit = .pages
        seen = firstPage
        return ask(1)
    }

    private mutating func ask(_ offset: Int) -> Step {
        sent = offset
        return .ask(Request(offset: offset, limit: Self.limit))
    }

    private func finish(isComplete: Bool) -> Step {
        .finished(TaskList(tasks: tasks, isComplete: isComplete))
    }
}
