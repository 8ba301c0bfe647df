// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import IESService

@Suite struct CredentialLatchTests {
    private let start = ContinuousClock.now
    private let old = CredentialLatchTests.holder("old")
    private let new = CredentialLatchTests.holder("new")

    private static func holder(_ name: String, scope: String? = nil) -> CredentialLatch.Holder {
        CredentialLatch.Holder(
            scope: scope.flatMap { ProjectID(rawValue: $0) },
            credentials: .keys(AccessKeys(accessKey: name, secretKey: Secret("s"))))
    }

    private func error(_ status: Int = 401) -> ServiceError {
        ServiceError(status: status, code: nil, message: "no", requestID: nil, time: Date(), url: "")
    }

    private enum Answer: Equatable {
        case go(String), refused, late, waits
    }

    private func ask(
        _ latch: inout CredentialLatch, _ id: Int, _ holder: CredentialLatch.Holder, at time: Duration = .zero
    ) -> Answer {
        latch.enter(id, .init(holder: holder, deadline: start + .seconds(100_000)), at: start + time)
        let verdicts = latch.decide(at: start + time)
        guard let verdict = verdicts.first(where: { $0.id == id })?.verdict else { return .waits }
        switch verdict {
        case .go(.keys(let keys)): return .go(keys.accessKey)
        case .go(.token): return .go("")
        case .refused: return .refused
        case .late: return .late
        }
    }

    private func ids(_ latch: inout CredentialLatch) -> [Int] { latch.decide(at: start).map(\.id) }

    @Test func `credentials that have not worked yet are tried by one call`() {
        var latch = CredentialLatch()
        #expect(ask(&latch, 0, new) == .go("new"))
        #expect(ask(&latch, 1, new) == .waits)
        #expect(ask(&latch, 2, new) == .waits)
        latch.gaveUp(new, by: 7)
        #expect(ids(&latch) == [], "another one's")
        latch.gaveUp(new, by: 0)
        #expect(ids(&latch) == [1])
        latch.accepted(new)
        #expect(ids(&latch) == [2])
        #expect(ask(&latch, 3, new) == .go("new"))
        #expect(ask(&latch, 4, new) == .go("new"))
    }

    @Test func `refused ones are held back for a minute, then longer each time up to ten`() {
        var latch = CredentialLatch()
        var time: Duration = .zero
        for seconds in [60, 120, 240, 480, 600, 600] {
            #expect(ask(&latch, 0, new, at: time) == .go("new"))
            #expect(ask(&latch, 1, new, at: time) == .waits)
            latch.refused(new, error(), at: start + time)
            // What was under way with them changes nothing.
            latch.refused(new, error(), at: start + time)
            #expect(latch.decide(at: start + time).map(\.id) == [1])
            #expect(ask(&latch, 2, new, at: time + .seconds(seconds) - .milliseconds(1)) == .refused)
            time += .seconds(seconds)
        }
        #expect(ask(&latch, 0, new, at: time) == .go("new"))
        latch.accepted(new)
        latch.refused(new, error(), at: start + time)
        #expect(ask(&latch, 0, new, at: time + .seconds(61)) == .go("new"))
    }

    @Test func `other credentials are not held back, and those that worked serve while new ones are refused`() {
        var latch = CredentialLatch()
        #expect(ask(&latch, 0, old) == .go("old"))
        latch.accepted(old)
        #expect(ask(&latch, 1, new) == .go("new"))
        latch.refused(new, error(), at: start)
        #expect(ask(&latch, 2, new) == .go("old"))
        #expect(ask(&latch, 3, old) == .go("old"))
        latch.refused(old, error(), at: start)
        #expect(ask(&latch, 4, new) == .refused)
        #expect(ask(&latch, 5, old) == .refused)
    }

    @Test func `one project's token does not serve another`() {
        var latch = CredentialLatch()
        let (first, second) = (Self.holder("one", scope: "p1"), Self.holder("two", scope: "p2"))
        #expect(ask(&latch, 0, first) == .go("one"))
        latch.accepted(first)
        #expect(ask(&latch, 1, second) == .go("two"))
        latch.refused(second, error(), at: start)
        #expect(ask(&latch, 2, second) == .refused)
    }

    @Test func `five names in a row that may not be seen are the credentials' fault, fewer are not`() {
        var latch = CredentialLatch()
        func deny(_ name: String) -> Bool { latch.denied(new, name, error(400), at: start) }
        for name in ["a", "b", "c", "d", "a", "b"] { #expect(!deny(name)) }
        latch.accepted(new)
        for name in ["a", "b", "c", "d"] { #expect(!deny(name)) }
        #expect(ask(&latch, 0, new) == .go("new"))
        #expect(deny("e"))
        #expect(ask(&latch, 1, new) == .refused)
    }

    @Test func `who looks after the credentials has them tried again`() {
        var latch = CredentialLatch()
        latch.refused(new, error(), at: start)
        #expect(ask(&latch, 0, new) == .refused)
        latch.forgive()
        #expect(ask(&latch, 1, new) == .go("new"))
    }

    @Test func `who has no time left does not wait for another's try`() {
        var latch = CredentialLatch()
        #expect(ask(&latch, 0, new) == .go("new"))
        latch.enter(1, .init(holder: new, deadline: start + .seconds(1)), at: start)
        #expect(latch.decide(at: start).isEmpty)
        #expect(latch.next(after: start) == start + .seconds(1))
        #expect(latch.decide(at: start + .seconds(1)).map(\.id) == [1])
    }
}

@Suite struct RenewalPlanTests {
    private let start = ContinuousClock.now
    private let error = CredentialError(.unavailable, "it is away")

    private func plan() -> RenewalPlan { RenewalPlan(margin: .seconds(300) ... .seconds(540)) }

    private func issued(_ name: String, lasting time: Duration?) -> IssuedCredentials {
        IssuedCredentials(credentials: .token(Secret(name)), lifetime: time)
    }

    private func step(_ plan: inout RenewalPlan, at seconds: Int) -> RenewalPlan.Step {
        plan.step(at: start + .seconds(seconds))
    }

    @Test func `the first use begins, the others wait`() {
        var plan = plan()
        #expect(step(&plan, at: 0) == .wait(begins: true))
        #expect(step(&plan, at: 0) == .wait(begins: false))
        plan.renewed(issued("a", lasting: .seconds(3600)), at: start, random: 0)
        #expect(step(&plan, at: 1) == .use(.token(Secret("a")), renews: false))
    }

    @Test(arguments: [(0.0, 3300), (1.0, 3060)])
    func `they are renewed five to nine minutes before the end, once, and used meanwhile`(
        random: Double, due: Int
    ) {
        var plan = plan()
        _ = step(&plan, at: 0)
        plan.renewed(issued("a", lasting: .seconds(3600)), at: start, random: random)
        #expect(step(&plan, at: due - 1) == .use(.token(Secret("a")), renews: false))
        #expect(step(&plan, at: due) == .use(.token(Secret("a")), renews: true))
        #expect(step(&plan, at: due) == .use(.token(Secret("a")), renews: false))
        plan.renewed(issued("b", lasting: .seconds(3600)), at: start + .seconds(due), random: random)
        #expect(step(&plan, at: due) == .use(.token(Secret("b")), renews: false))
        #expect(step(&plan, at: 2 * due) == .use(.token(Secret("b")), renews: true))
    }

    @Test func `a renewal that fails is not the last, and what there is serves to its end`() {
        var plan = plan()
        _ = step(&plan, at: 0)
        plan.renewed(issued("a", lasting: .seconds(3600)), at: start, random: 0)
        var tries = 0
        for second in 3300..<3600 {
            let step = step(&plan, at: second)
            if step == .use(.token(Secret("a")), renews: true) {
                tries += 1
                plan.failed(error, at: start + .seconds(second), random: 1)
            } else {
                #expect(step == .use(.token(Secret("a")), renews: false))
            }
        }
        // After 1, 2, 4, … 32 seconds, then each minute.
        #expect(tries == 10)
        guard case .fail(error, let next) = step(&plan, at: 3600) else {
            Issue.record("what has ended is used")
            return
        }
        #expect(next <= start + .seconds(3660))
        #expect(step(&plan, at: 3660) == .wait(begins: true))
    }

    @Test func `what is refused is not used again`() {
        var plan = plan()
        _ = step(&plan, at: 0)
        plan.renewed(issued("a", lasting: nil), at: start, random: 0)
        plan.refused(.token(Secret("other")), because: Self.rejected, at: start)
        #expect(step(&plan, at: 1_000_000) == .use(.token(Secret("a")), renews: false))
        plan.refused(.token(Secret("a")), because: Self.rejected, at: start)
        #expect(step(&plan, at: 1_000_000) == .wait(begins: true))
    }

    private static let rejected = CredentialError(.refused, "none is taken")

    @Test func `an issuer whose credentials are never taken is asked once more, then left alone ever longer`() {
        var plan = plan()
        _ = step(&plan, at: 0)
        plan.renewed(issued("a", lasting: nil), at: start, random: 0)
        plan.accepted(.token(Secret("a")))
        plan.refused(.token(Secret("a")), because: Self.rejected, at: start)
        #expect(step(&plan, at: 0) == .wait(begins: true), "those had worked")
        plan.renewed(issued("b", lasting: nil), at: start, random: 0)
        plan.refused(.token(Secret("b")), because: Self.rejected, at: start)
        #expect(step(&plan, at: 0) == .wait(begins: true))
        var now = 0
        for (number, seconds) in [60, 120, 240, 480, 600, 600].enumerated() {
            plan.renewed(issued("c\(number)", lasting: nil), at: start + .seconds(now), random: 0)
            plan.refused(.token(Secret("c\(number)")), because: Self.rejected, at: start + .seconds(now))
            #expect(
                step(&plan, at: now + seconds - 1) == .fail(Self.rejected, nextTry: start + .seconds(now + seconds)))
            now += seconds
            #expect(step(&plan, at: now) == .wait(begins: true))
        }
        plan.renewed(issued("d", lasting: nil), at: start + .seconds(now), random: 0)
        plan.accepted(.token(Secret("d")))
        plan.refused(.token(Secret("d")), because: Self.rejected, at: start + .seconds(now))
        #expect(step(&plan, at: now) == .wait(begins: true), "one that worked makes up for all")
    }

    @Test func `an issuer that refuses is left alone for a minute, then longer`() {
        var plan = plan()
        let refused = CredentialError(.refused, "wrong password")
        var now = 0
        for seconds in [60, 120, 240, 480, 600, 600] {
            #expect(step(&plan, at: now) == .wait(begins: true))
            plan.failed(refused, at: start + .seconds(now), random: 0)
            #expect(step(&plan, at: now + seconds - 1) == .fail(refused, nextTry: start + .seconds(now + seconds)))
            now += seconds
        }
        plan.failed(refused, at: start, random: 0)
        plan.forgive()
        #expect(step(&plan, at: 0) == .wait(begins: true))
    }

    @Test func `what lasts less than the margin is renewed halfway`() {
        var plan = plan()
        _ = step(&plan, at: 0)
        plan.renewed(issued("a", lasting: .seconds(200)), at: start, random: 0)
        #expect(step(&plan, at: 99) == .use(.token(Secret("a")), renews: false))
        #expect(step(&plan, at: 100) == .use(.token(Secret("a")), renews: true))
    }
}
