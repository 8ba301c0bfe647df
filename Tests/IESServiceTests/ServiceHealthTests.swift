// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import IESService

/// What the ends of calls say of the service.
@Suite struct ServiceHealthTests {
    private static let early = Date(timeIntervalSince1970: 1_000)
    private static let late = Date(timeIntervalSince1970: 2_000)

    private static let refusal = ServiceFailure.refused(
        ServiceError(status: 503, code: nil, message: "busy", requestID: nil, time: early, url: "http://x"))

    @Test(arguments: [
        ServiceFailure.transport(.connectionRefused("no")), .transport(.nameNotResolved(host: "x")),
        .transport(.unreachable("no")), .transport(.timedOut(.connect)), .transport(.timedOut(.response)),
        .transport(.connectionReset("no")), .transport(.tls("no")), .transport(.proxy("no")), .deadline,
    ])
    func `a call that nobody answers means offline, since the first of them`(failure: ServiceFailure) {
        let health = ServiceHealth()
        #expect(health.standing == .unknown)
        health.answered(at: Self.early)
        health.failed(failure, at: Self.early)
        #expect(health.standing == .offline(since: Self.early, failure))
        health.failed(.deadline, at: Self.late)
        #expect(health.standing == .offline(since: Self.early, .deadline))
        health.answered(at: Self.late)
        #expect(health.standing == .reachable(Self.late))
    }

    @Test(arguments: [
        refusal, .malformed("x"), .contradiction("x"), .transport(.stopped), .transport(.bodyCutShort(received: 3)),
    ])
    func `a refusal and a broken answer are answers`(failure: ServiceFailure) {
        let health = ServiceHealth()
        health.failed(.deadline, at: Self.early)
        health.failed(failure, at: Self.late)
        #expect(health.standing == .reachable(Self.late))
    }

    @Test func `what ended here says nothing of the service`() {
        let health = ServiceHealth()
        health.failed(.deadline, at: Self.early)
        health.failed(.transport(.cancelled), at: Self.late)
        health.failed(.credentials(CredentialError(.missing, "none")), at: Self.late)
        #expect(health.standing == .offline(since: Self.early, .deadline))
    }
}
