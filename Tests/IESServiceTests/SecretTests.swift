// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@Suite struct SecretTests {
    private static let canary = "canary-3f9a"

    private static let holders: [any Sendable] = [
        Secret(canary),
        AccessKeys(accessKey: canary, secretKey: Secret(canary), securityToken: Secret(canary)),
        Credentials.token(Secret(canary)),
        Credentials.keys(AccessKeys(accessKey: canary, secretKey: Secret(canary))),
        Secret?.some(Secret(canary)) as any Sendable,
        [Secret(canary)],
        ["key": Secret(canary)],
    ]

    @Test(arguments: holders.indices)
    func `no way of printing shows a secret`(index: Int) {
        let holder = Self.holders[index]
        var dumped = ""
        dump(holder, to: &dumped)
        for text in ["\(holder)", String(describing: holder), String(reflecting: holder), dumped] {
            #expect(!text.contains(Self.canary))
            #expect(text.contains("redacted"))
        }
    }

    @Test func `a mirror of a secret has no children`() {
        #expect(Mirror(reflecting: Secret(Self.canary)).children.isEmpty)
    }

    @Test func `a secret reveals what it was made of`() {
        #expect(Secret(Self.canary).reveal { $0 == Self.canary })
        #expect(Secret("a") == Secret("a"))
        #expect(Secret("a") != Secret("b"))
    }
}
