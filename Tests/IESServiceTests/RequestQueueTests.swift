// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import IESService

@Suite struct TokenBucketTests {
    private let start = ContinuousClock.now

    @Test func `a burst goes at once, the rest at the rate`() {
        var bucket = TokenBucket(RequestRate(perSecond: 10, burst: 20))
        var times: [Duration] = []
        var now = start
        while times.count < 40 {
            if bucket.take(at: now) {
                times.append(start.duration(to: now))
            } else {
                now = bucket.next(after: now)
            }
        }
        #expect(times.prefix(20).allSatisfy { $0 == .zero })
        #expect(Array(times.dropFirst(20)) == (1...20).map { .milliseconds(100 * $0) })
    }

    @Test func `a quiet time fills it, to its depth and no further`() {
        var bucket = TokenBucket(RequestRate(perSecond: 10, burst: 3))
        func taken(at time: Duration) -> Int {
            var count = 0
            while bucket.take(at: start + time) { count += 1 }
            return count
        }
        #expect(taken(at: .zero) == 3)
        #expect(taken(at: .milliseconds(99)) == 0)
        #expect(taken(at: .milliseconds(100)) == 1)
        #expect(taken(at: .milliseconds(300)) == 2)
        #expect(!bucket.isFull(at: start + .milliseconds(500)))
        #expect(bucket.isFull(at: start + .milliseconds(600)))
        #expect(taken(at: .seconds(3600)) == 3)
    }
}

@Suite struct RequestQueueTests {
    private let start = ContinuousClock.now

    private func visitor(_ priority: RequestPriority = .reading, deadline: Int = 30) -> RequestQueue.Visitor {
        RequestQueue.Visitor(ticket: RequestTicket(priority), deadline: start + .seconds(deadline))
    }

    private func error(_ message: String = "slow") -> ServiceError {
        ServiceError(status: 429, code: nil, message: message, requestID: nil, time: Date(), url: "")
    }

    /// Who goes, in their order, and how long each was held back.
    private func gone(_ queue: inout RequestQueue, at time: Duration) -> [(Int, Duration)] {
        queue.decide(at: start + time).compactMap { id, verdict in
            if case .go(let heldBack) = verdict { (id, heldBack) } else { nil }
        }
    }

    @Test func `the most urgent goes first, among equals who came first`() {
        var queue = RequestQueue(rate: RequestRate(perSecond: 1, burst: 1))
        let order: [RequestPriority] = [.readAhead, .reading, .readAhead, .reading, .reading, .readAhead]
        queue.enter(99, visitor(), at: start)
        #expect(gone(&queue, at: .zero).map(\.0) == [99])
        for (id, priority) in order.enumerated() { queue.enter(id, visitor(priority), at: start) }
        var all: [Int] = []
        for second in 1...6 {
            #expect(queue.next(after: start + .seconds(second - 1)) == start + .seconds(second))
            all += gone(&queue, at: .seconds(second)).map(\.0)
        }
        #expect(all == [1, 3, 4, 0, 2, 5])
        #expect(queue.next(after: start + .seconds(6)) == nil)
    }

    @Test func `a request for which somebody begins to wait moves ahead`() {
        var queue = RequestQueue(rate: RequestRate(perSecond: 1, burst: 1))
        queue.enter(0, visitor(), at: start)
        let ahead = visitor(.readAhead)
        queue.enter(1, visitor(.readAhead), at: start)
        queue.enter(2, ahead, at: start)
        ahead.ticket.raise(to: .reading)
        ahead.ticket.raise(to: .readAhead)
        #expect(ahead.ticket.priority == .reading)
        #expect(gone(&queue, at: .zero).map(\.0) == [0])
        #expect(gone(&queue, at: .seconds(1)).map(\.0) == [2])
    }

    @Test func `the time in the bucket is told, so that it need not count`() {
        var queue = RequestQueue(rate: RequestRate(perSecond: 1, burst: 1))
        for id in 0..<3 { queue.enter(id, visitor(deadline: 1), at: start) }
        #expect(gone(&queue, at: .zero).map(\.1) == [.zero])
        #expect(gone(&queue, at: .seconds(1)).map(\.1) == [.seconds(1)])
        #expect(gone(&queue, at: .seconds(2)).map(\.1) == [.seconds(2)])
    }

    @Test func `a throttled request holds back all of its project, and that time counts`() {
        var queue = RequestQueue(rate: RequestRate(perSecond: 1, burst: 1))
        queue.throttled(for: .seconds(5), error(), at: start)
        queue.enter(0, visitor(), at: start + .seconds(2))
        queue.enter(1, visitor(), at: start + .seconds(2))
        #expect(gone(&queue, at: .seconds(4)).isEmpty)
        #expect(queue.next(after: start + .seconds(4)) == start + .seconds(5))
        #expect(gone(&queue, at: .seconds(5)).map(\.1) == [.zero])
        #expect(gone(&queue, at: .seconds(6)).map(\.1) == [.seconds(1)])
        #expect(queue.isIdle(at: start + .seconds(7)))
    }

    @Test func `who has no time for the pause is told at once what the service said`() {
        var queue = RequestQueue(rate: nil)
        queue.throttled(for: .seconds(60), error("first"), at: start)
        queue.throttled(for: .seconds(10), error("second"), at: start)
        queue.enter(0, visitor(deadline: 30), at: start)
        queue.enter(1, visitor(deadline: 61), at: start)
        let verdicts = queue.decide(at: start)
        #expect(verdicts.map(\.id) == [0])
        if case .throttled(let reason)? = verdicts.first?.verdict {
            #expect(reason.message == "second")
        } else {
            Issue.record("it goes")
        }
        #expect(gone(&queue, at: .seconds(60)).map(\.0) == [1])
    }

    @Test func `without a rate all go at once`() {
        var queue = RequestQueue(rate: nil)
        for id in 0..<1000 { queue.enter(id, visitor(.readAhead), at: start) }
        #expect(gone(&queue, at: .zero).count == 1000)
    }
}

/// The budget as calls meet it.
@Suite struct RequestBudgetTests {
    @Test func `many calls at once keep the rate, and none is late for it`() async throws {
        let bench = try Bench(ScriptedTransport(.text(200, "result")), rate: RequestRate(perSecond: 10, burst: 20))
        // Of new credentials one call finds out whether they work, and the others would wait for it.
        #expect(await bench.result(deadline: 2) == nil)
        let failures = await withTaskGroup(of: ServiceFailure?.self) { group in
            for _ in 0..<59 { group.addTask { await bench.result(deadline: 2) } }
            return await group.reduce(into: [ServiceFailure]()) { if let failure = $1 { $0.append(failure) } }
        }
        // 40 beyond the burst take four seconds, twice what each has.
        #expect(failures.isEmpty)
        #expect(bench.transport.requests.count == 60)
        #expect(bench.elapsed >= .seconds(4))
    }

    @Test func `projects do not share a budget`() async throws {
        let bench = try Bench(ScriptedTransport(.text(200, "result")), rate: RequestRate(perSecond: 1, burst: 1))
        for project in ["p1", "p2", "p3"] {
            let id = ResultID(project: ProjectID(rawValue: project)!, task: TaskID(rawValue: "t")!)
            #expect(await bench.result(of: id) == nil)
        }
        #expect(bench.elapsed == .zero)
    }

    @Test func `redirects do not count`() async throws {
        let bench = try Bench(
            ScriptedTransport { number, _ in
                number % 2 == 0 ? .text(302, "", ["Location: https://obs.example.org/o"]) : .text(200, "result")
            }, rate: RequestRate(perSecond: 1, burst: 2))
        #expect(await bench.result() == nil)
        #expect(await bench.result() == nil)
        #expect(bench.elapsed == .zero)
        #expect(await bench.result() == nil)
        #expect(bench.elapsed == .seconds(1))
    }

    @Test func `a wait that the service asked of one call is kept by the others of the project`() async throws {
        let bench = try Bench(ScriptedTransport(.text(429, "", ["Retry-After: 100"]), .text(200, "result")))
        guard case .refused(let error)? = await bench.result() else {
            Issue.record("it was not refused")
            return
        }
        #expect(error.status == 429)
        let other = ResultID(project: Bench.project, task: TaskID(rawValue: "t2")!)
        guard case .refused(let error)? = await bench.result(of: other) else {
            Issue.record("it was not held back")
            return
        }
        #expect(error.status == 429)
        #expect(bench.transport.requests.count == 1)
        // Nor does one with time for it go before.
        #expect(await bench.result(of: other, deadline: 101) == nil)
        #expect(bench.elapsed == .seconds(100))
        let elsewhere = ResultID(project: ProjectID(rawValue: "p2")!, task: TaskID(rawValue: "t")!)
        #expect(await bench.result(of: elsewhere, deadline: 101) == nil)
    }

    @Test func `a cancelled call leaves the queue`() async throws {
        let (waits, isWaiting) = AsyncStream.makeStream(of: Void.self)
        var settings = ServiceSettings()
        let start = ContinuousClock.now
        settings.instant = { start }
        settings.turn = { _ in
            isWaiting.yield()
            try await Task.sleep(for: .seconds(86_400))
        }
        let turnstile = Turnstile(RequestQueue(rate: RequestRate(perSecond: 1, burst: 1)), settings)
        let deadline = start + .seconds(3600)
        guard case .go? = await turnstile.admit(.init(ticket: RequestTicket(), deadline: deadline)).verdict else {
            Issue.record("the first does not go")
            return
        }
        let ticket = RequestTicket()
        let second = Task {
            await turnstile.admit(.init(ticket: ticket, deadline: deadline)) { ticket.isHeldBack() }.verdict == nil
        }
        for await _ in waits { break }
        second.cancel()
        #expect(await second.value)
        #expect(turnstile.look { queue, now in queue.next(after: now) } == nil)
    }
}
