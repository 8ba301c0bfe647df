// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESService

/// A task list that pages in one of the ways the documentation leaves open.
private struct PagedList {
    enum Unit { case records, pages, ignored, shuffled }

    var size: Int
    var unit: Unit
    /// The largest page, whatever is asked for.
    var cap = 100
    var count: Int?
    var echoesOffset = true
    var echoesLimit = true
    var refusesParameters = false
    var requests = 0

    mutating func answer(_ request: TaskPaging.Request) -> TaskPage? {
        requests += 1
        if refusesParameters, request.offset != nil { return nil }
        let limit = min(request.limit ?? 10, cap)
        let offset = request.offset ?? 0
        let start =
            switch unit {
            case .records: offset
            case .pages: offset * limit
            case .ignored: 0
            case .shuffled: (offset * 7919) % max(size, 1)
            }
        let ids = start < size ? (start..<min(start + limit, size)).map { "t\($0)" } : []
        var members: [JSONText.Member] = [
            .init(name: "data", value: .array(ids.map { .object([.init(name: "task_id", value: .string($0))]) }))
        ]
        if let count { members.append(.init(name: "count", value: .number(String(count)))) }
        if echoesLimit { members.append(.init(name: "limit", value: .number(String(limit)))) }
        if echoesOffset { members.append(.init(name: "offset", value: .number(String(offset)))) }
        return TaskPage(.object(members))
    }

    /// Nil when the first request was refused for good.
    mutating func list() -> TaskList? {
        var paging = TaskPaging()
        var request = paging.first
        while requests < 100_000 {
            let step: TaskPaging.Step?
            if let page = answer(request) {
                step = paging.received(page)
            } else {
                step = paging.failed(isInvalid: true)
            }
            switch step {
            case .ask(let next): request = next
            case .finished(let list): return list
            case nil: return nil
            }
        }
        Issue.record("it does not end")
        return nil
    }
}

@Suite struct TaskPagingTests {
    @Test(arguments: [0, 1, 10, 99, 100, 101, 250, 1234], [10, 20, 100])
    func `a list paged by records is complete`(size: Int, cap: Int) {
        var list = PagedList(size: size, unit: .records, cap: cap, count: size)
        let tasks = list.list()
        #expect(tasks?.tasks.map(\.taskID.rawValue) == (0..<size).map { "t\($0)" })
        #expect(tasks?.isComplete == true)
        #expect(list.requests <= size / cap + 1)
    }

    @Test(arguments: [0, 1, 100, 101, 250, 1234], [10, 100])
    func `a list paged by pages is complete too`(size: Int, cap: Int) {
        var list = PagedList(size: size, unit: .pages, cap: cap, count: size)
        let tasks = list.list()
        #expect(tasks.map { Set($0.tasks.map(\.taskID.rawValue)) } == Set((0..<size).map { "t\($0)" }))
        #expect(tasks?.isComplete == true)
    }

    @Test(arguments: [PagedList.Unit.records, .pages], [0, 5, 100, 250])
    fileprivate func `a list without a count is complete`(unit: PagedList.Unit, size: Int) {
        var list = PagedList(size: size, unit: unit)
        let tasks = list.list()
        #expect(tasks?.tasks.count == size)
        #expect(tasks?.isComplete == true)
    }

    @Test func `a service that ignores paging ends the list, which may be incomplete`() {
        var list = PagedList(size: 250, unit: .ignored, cap: 10, count: 250)
        let tasks = list.list()
        #expect(tasks?.tasks.count == 10)
        #expect(tasks?.isComplete == false)
        #expect(list.requests == 3)
    }

    @Test func `a service that sends everything at once is asked once`() {
        var list = PagedList(size: 70, unit: .ignored, count: 70)
        #expect(list.list()?.isComplete == true)
        #expect(list.requests == 1)
    }

    @Test func `a count that is never reached ends the list`() {
        var list = PagedList(size: 30, unit: .records, count: 1000)
        let tasks = list.list()
        #expect(tasks?.tasks.count == 30)
        #expect(tasks?.isComplete == false)
        #expect(list.requests < 6)
        var long = PagedList(size: 3000, unit: .records, count: 4000)
        #expect(long.list()?.tasks.count == 3000)
        #expect(long.requests < 36)
    }

    @Test func `a service that refuses the parameters is asked without them`() {
        var list = PagedList(size: 25, unit: .ignored, cap: 10, count: 25, refusesParameters: true)
        let tasks = list.list()
        #expect(tasks?.tasks.count == 10)
        #expect(tasks?.isComplete == false)
        #expect(list.requests == 2)
    }

    @Test(arguments: [true, false], [true, false])
    func `a service that echoes nothing, or wrongly, ends`(echoesOffset: Bool, echoesLimit: Bool) {
        for unit in [PagedList.Unit.records, .pages, .ignored, .shuffled] {
            for count in [nil, 0, 5, 250, 1_000_000] {
                var list = PagedList(
                    size: 250, unit: unit, count: count, echoesOffset: echoesOffset, echoesLimit: echoesLimit)
                let tasks = list.list()
                #expect(list.requests <= TaskPaging.mostPages)
                #expect(Set(tasks?.tasks.map(\.taskID) ?? []).count == tasks?.tasks.count)
            }
        }
    }

    @Test func `an endless list ends at a bound`() {
        var list = PagedList(size: .max / 200_000, unit: .records, count: 1_000_000)
        let tasks = list.list()
        #expect(list.requests <= TaskPaging.mostPages)
        #expect((tasks?.tasks.count ?? 0) <= TaskPaging.mostTasks)
        #expect(tasks?.isComplete == false)
    }

    @Test func `many bytes end the list`() throws {
        var paging = TaskPaging()
        var list = PagedList(size: 1000, unit: .records, count: 1000)
        let first = list.answer(paging.first)
        let page = try #require(first)
        guard case .finished(let tasks) = paging.received(page, bytes: TaskPaging.mostBytes) else {
            Issue.record("it goes on")
            return
        }
        #expect(tasks.tasks.count == 100)
        #expect(!tasks.isComplete)
    }

    @Test func `a first failure is the answer, a later one leaves what is known`() throws {
        var fresh = TaskPaging()
        #expect(fresh.failed(isInvalid: false) == nil)

        var paging = TaskPaging()
        var list = PagedList(size: 300, unit: .records, count: 300)
        let first = list.answer(paging.first)
        let page = try #require(first)
        #expect(paging.received(page) == .ask(.init(offset: 100, limit: 100)))
        guard case .finished(let tasks)? = paging.failed(isInvalid: false) else {
            Issue.record("it goes on")
            return
        }
        #expect(tasks.tasks.count == 100)
        #expect(!tasks.isComplete)
    }
}
