// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

extension MountScenarios {
    /// Requests as a server gets them, checked by an implementation of the signature that is not ours.
    @Suite struct Signatures {
        private static let project = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

        private struct Way: Sendable, CustomTestStringConvertible {
            let name: String
            let word: String
            var environment: [String: String] = [:]
            var profile: String?

            var testDescription: String { name }
        }

        private static let ways = [
            Way(
                name: "plain keys", word: "signed",
                environment: ["HUAWEICLOUD_SDK_AK": "PLAINKEY", "HUAWEICLOUD_SDK_SK": "plain-secret"]),
            Way(
                name: "temporary keys", word: "signed-temporary",
                environment: [
                    "HUAWEICLOUD_SDK_AK": "TEMPKEY", "HUAWEICLOUD_SDK_SK": "temp-secret",
                    "HUAWEICLOUD_SDK_SECURITY_TOKEN": "temp-token",
                ]),
            Way(
                name: "a token of the project", word: "token",
                profile: "[basic]\nuser_name = user\npassword = password\ndomain_name = domain\niam_endpoint = URL\n"),
        ]

        @Test(arguments: ways, [0, 3600, -3600])
        private func `each request verifies, through retries, redirects and a wrong clock`(
            way: Way, skew: Int
        ) async throws {
            let workshop = try Workshop()
            let server = try await VerifyingServer(in: workshop, skew: skew)
            var options: [String] = []
            if let profile = way.profile {
                options = ["credentials=\(workshop["profile"])"]
                let text = profile.replacing("URL", with: server.url)
                try await shell("umask 077; printf %s \(quoted(text)) >\(workshop["profile"])")
            }
            try await shell("mkdir \(workshop["mnt"])")
            let mount: MountedResults
            do {
                mount = try await MountedResults.mount(
                    server.url, at: workshop["mnt"], cache: workshop["cache"], options: options,
                    environment: way.environment)
            } catch {
                try await server.stop()
                throw error
            }
            let directory = mount.path(Self.project)
            let names = ["plain", "busy", "moved", "a.b_c-d"]
            let read = try await shell(
                "cd \(directory) && ls -a && for f in \(names.joined(separator: " ")); do cat $f | sha256sum; done")
            let whole = try await shell(
                "python3 -c 'import hashlib; print(hashlib.sha256(bytes(i*7%251 for i in range(200000))).hexdigest())'")
            let sum = try #require(whole.lines.first)
            #expect(read.lines.count { $0 == "\(sum)  -" } == names.count, "\(read.text) \(read.errors)")
            let requests = try await server.requests()
            let words = requests.map { String($0.prefix { $0 != " " }) }
            let isSigned = way.word.hasPrefix("signed")
            #expect(words.count { $0 == "late" } == (skew == 0 || !isSigned ? 0 : 1), "\(requests)")
            #expect(words.count { $0 == "login" } == (isSigned ? 0 : 1))
            #expect(Set(words).subtracting(["late", "login"]) == [way.word, "link"], "\(requests)")
            for name in names { #expect(requests.contains { $0.hasSuffix("/result/\(name)") }) }
            #expect(requests.contains { $0.hasSuffix("/ies/task") })
            try await mount.unmount()
            try await server.stop()
            try await workshop.remove()
        }
    }
}
