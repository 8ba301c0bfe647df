// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import IESService

@Suite struct BreakerTests {
    private let start = ContinuousClock.now
    private let refused = ServiceFailure.transport(.connectionRefused("x"))

    private func ids(_ verdicts: [(id: Int, verdict: Breaker.Verdict)], go: Bool) -> [Int] {
        verdicts.compactMap { id, verdict in
            if case .go = verdict { go ? id : nil } else { go ? nil : id }
        }
    }

    /// One that has just opened; its next probe may go half a second after `start`.
    private func opened() -> Breaker {
        var breaker = Breaker()
        for id in 0..<8 {
            #expect(breaker.admits(-1))
            breaker.failed(id, refused, at: start, random: 1)
        }
        #expect(!breaker.admits(-1))
        return breaker
    }

    private func enter(_ breaker: inout Breaker, _ ids: Range<Int>, deadline: Int = 30) {
        for id in ids { breaker.enter(id, .init(deadline: start + .seconds(deadline)), at: start) }
    }

    @Test func `all go while the host answers`() {
        var breaker = Breaker()
        for _ in 0..<3 {
            for id in 0..<7 { breaker.failed(id, refused, at: start, random: 0) }
            breaker.reached()
        }
        enter(&breaker, 0..<100)
        #expect(ids(breaker.decide(at: start), go: true).count == 100)
        #expect(breaker.next(after: start) == nil)
    }

    @Test func `one probe at a time, each a while after the last`() {
        var breaker = opened()
        enter(&breaker, 100..<110)
        var now = start
        var pauses: [Duration] = []
        for round in 0..<6 {
            #expect(breaker.decide(at: now).isEmpty)
            let next = breaker.next(after: now)!
            pauses.append(now.duration(to: next))
            now = next
            let probes = ids(breaker.decide(at: now), go: true)
            #expect(probes.count == 1)
            // Nobody else before it has ended.
            #expect(breaker.decide(at: now + .seconds(1)).isEmpty)
            #expect(breaker.admits(probes[0]) && !breaker.admits(100 + 10 * round + 9))
            breaker.failed(probes[0], refused, at: now, random: 1)
            #expect(ids(breaker.decide(at: now), go: false).count == 9)
            enter(&breaker, 110 + 10 * round..<120 + 10 * round)
        }
        #expect(pauses == [500, 1000, 2000, 4000, 5000, 5000].map { .milliseconds($0) })
    }

    @Test func `when the probe gets through, all go`() {
        var breaker = opened()
        enter(&breaker, 100..<110)
        #expect(ids(breaker.decide(at: start + .seconds(1)), go: true) == [100])
        breaker.reached()
        #expect(ids(breaker.decide(at: start + .seconds(1)), go: true) == Array(101..<110))
        #expect(breaker.isIdle)
    }

    @Test func `a probe that is given up hands over at once`() {
        var breaker = opened()
        enter(&breaker, 100..<103)
        #expect(ids(breaker.decide(at: start + .seconds(1)), go: true) == [100])
        breaker.gaveUp(100)
        #expect(ids(breaker.decide(at: start + .seconds(1)), go: true) == [101])
    }

    @Test func `who has no time left fails with the last reason`() {
        var breaker = opened()
        enter(&breaker, 100..<101)
        enter(&breaker, 101..<103, deadline: 3)
        #expect(ids(breaker.decide(at: start + .seconds(1)), go: true) == [100])
        let reset = ServiceFailure.transport(.connectionReset("y"))
        // One that went out before has only now failed.
        breaker.failed(7, reset, at: start + .seconds(2), random: 1)
        #expect(breaker.next(after: start + .seconds(2)) == start + .seconds(3))
        let verdicts = breaker.decide(at: start + .seconds(3))
        #expect(ids(verdicts, go: false) == [101, 102])
        for (_, verdict) in verdicts {
            guard case .failed(let reason) = verdict else { continue }
            #expect(reason == reset)
        }
    }
}

/// The breaker as calls meet it.
@Suite struct BreakerCallTests {
    /// - Parameter deadline: In seconds: longer than any test may take on a machine as busy as it gets.
    private func ask(_ bench: Bench, _ tasks: Int, deadline: Int = 600) async -> [ServiceFailure?] {
        await withTaskGroup(of: ServiceFailure?.self) { group in
            for number in 0..<tasks {
                let id = ResultID(project: Bench.project, task: TaskID(rawValue: "t\(number)")!)
                group.addTask { await bench.result(of: id, deadline: deadline) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test(arguments: [
        TransportError.connectionRefused("x"), .connectionReset("x"), .unreachable("x"), .timedOut(.connect),
        .nameNotResolved(host: "x"),
    ])
    func `a thousand calls for a service that is away make few requests, and all fail as it does`(
        error: TransportError
    ) async throws {
        let bench = try Bench(ScriptedTransport(.failure(error)), retries: 0, isInRealTime: true)
        // One after the other, so that none is under way when it opens.
        for _ in 0..<8 { _ = await bench.result() }
        let start = ContinuousClock.now
        let failures = await ask(bench, 1000)
        #expect(failures.allSatisfy { $0 == .transport(error) })
        // At least a quarter of a second is between two probes.
        let most = 1 + Int((ContinuousClock.now - start) / .milliseconds(250))
        #expect(bench.transport.requests.count - 8 <= most)
    }

    @Test func `when the service is back, calls get through within the interval`() async throws {
        let isBack = Switch()
        let bench = try Bench(
            ScriptedTransport { _, _ in isBack.isOn ? .text(200, "result") : .failure(.connectionRefused("x")) },
            retries: 0, isInRealTime: true)
        for _ in 0..<12 { _ = await bench.result() }
        isBack.turnOn()
        let before = bench.transport.requests.count
        #expect(await ask(bench, 100).allSatisfy { $0 == nil })
        #expect(bench.transport.requests.count == before + 100)
    }

    @Test func `a refusal shared by many names the result of each`() async throws {
        let bench = try Bench(ScriptedTransport(.text(503, "")), retries: 0, isInRealTime: true)
        for _ in 0..<8 { _ = await bench.result() }
        let urls = await ask(bench, 3).compactMap { failure in
            if case .refused(let error)? = failure { error.url } else { nil }
        }
        #expect(Set(urls) == Set((0..<3).map { "https://example.com/v2/p1/ies/result/t\($0)" }))
    }

    @Test func `a refusal that is shared shows nothing of the request it answered`() async throws {
        let bench = try Bench(
            ScriptedTransport(.text(503, "{\"error_code\":\"X\",\"error_msg\":\"you sent \(Bench.accessKey)\"}")),
            retries: 0, isInRealTime: true)
        for _ in 0..<8 { _ = await bench.result() }
        for failure in await ask(bench, 3) {
            guard case .refused(let error)? = failure else {
                Issue.record("\(String(describing: failure))")
                continue
            }
            #expect(error.message == "you sent <redacted>")
        }
    }
}
