// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// Credentials that come, change and end while a mount is used.
    @Suite struct CredentialsOfMounts {
        private static let size: Int64 = 3 << 20
        private static let keys = [
            "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey, "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
        ]
        private static let login = """
            [basic]
            user_name = \(SimulatedAccount.user)
            password = \(SimulatedAccount.password)
            domain_name = \(SimulatedAccount.domain)
            """

        private static func results(_ count: Int, size: Int64 = 1000) -> [SimulatedResult] {
            (1...count).map {
                SimulatedResult(TaskID(number: $0), content: .generated(seed: UInt64($0), size: size))
            }
        }

        private static func write(_ text: String, to file: FilePath) async throws {
            try await shell("umask 077; printf %s \(quoted(text)) >\(file).new && mv \(file).new \(file)")
        }

        /// A mount whose credentials are in a file.
        private static func with(
            _ results: [SimulatedResult], file text: String, option: String, options: [String] = [],
            environment: [String: String] = [:], prepare: (SimulatedService) -> Void = { _ in },
            body: (SimulatedMount, FilePath) async throws -> Void
        ) async throws {
            let secrets = try Workshop()
            try await write(text, to: secrets["secret"])
            // The simulator is IAM too; its address is known only when it runs.
            let port = freePort()
            try await SimulatedMount.with(
                results, options: ["\(option)=\(secrets["secret"])"] + options,
                environment: environment.merging(["HUAWEICLOUD_SDK_IAM_ENDPOINT": "http://127.0.0.1:\(port)"]) { $1 },
                port: port, prepare: prepare
            ) { try await body($0, secrets["secret"]) }
            try await secrets.remove()
        }

        @Test(arguments: Behaviour.MetadataTokens.allCases)
        func `on a cloud server nothing is to be set, and no proxy is asked for keys`(
            tokens: Behaviour.MetadataTokens
        ) async throws {
            var behaviour = Behaviour()
            behaviour.metadataTokens = tokens
            let port = freePort()
            try await SimulatedMount.with(
                Self.results(1), options: ["metadata=http://localhost:\(port)"],
                // Nobody listens there; the endpoint is asked without it, the name `localhost` would not be.
                environment: [
                    "http_proxy": "http://127.0.0.1:\(freePort())", "no_proxy": "127.0.0.1", "HOME": "/nonexistent",
                ], behaviour: behaviour, port: port
            ) { mounted in
                #expect(try await mounted.cat(TaskID(number: 1)).succeeded)
                #expect(mounted.service.log.entries(of: TaskID(number: 1)).allSatisfy { $0.credentials == "signed" })
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))")
                #expect(status.text.contains("metadata service http://localhost:\(port)"), "\(status.text)")
                #expect(!status.text.contains("SERVEDACCESSKEY"))
            }
        }

        @Test(arguments: [true, false])
        func `a key or token that is replaced under load fails no read`(isToken: Bool) async throws {
            let rotations = getenv("IESFS_ROTATIONS").flatMap { Int(String(cString: $0)) } ?? 20
            func text(_ number: Int) -> String {
                isToken ? "rotating-\(number)" : "[basic]\nak = ROTATING\(number)\nsk = secret-\(number)\n"
            }
            @Sendable func admit(_ number: Int, _ service: SimulatedService) {
                service.addToken("rotating-\(number)")
                service.addKey("ROTATING\(number)", secret: "secret-\(number)")
            }
            // More than are read between two rotations, so that none comes when the reading is over.
            let count = rotations * 40
            try await Self.with(
                Self.results(count), file: text(0), option: isToken ? "token_file" : "credentials",
                prepare: { admit(0, $0) }
            ) { mounted, file in
                async let reading = shell(
                    """
                    cd \(mounted.project) && for n in $(seq \(count)); do printf '%032x\\n' $n; done |
                        xargs -P 4 -n 5 sh -c 'for f; do cat $f >/dev/null || echo FAILED $f; done' sh
                    """, within: 1200)
                var done = 0
                for number in 1...rotations {
                    admit(number, mounted.service)
                    try await Self.write(text(number), to: file)
                    let before = mounted.service.log.count
                    let goesOn = await eventually(within: 30) { mounted.service.log.count >= before + 8 }
                    if !goesOn { break }
                    done = number
                    mounted.service.removeToken("rotating-\(number - 1)")
                    mounted.service.removeKey("ROTATING\(number - 1)")
                }
                let result = try await reading
                #expect(
                    result.succeeded && result.text.isEmpty, "\(result.text.prefix(400)) \(result.errors.prefix(400))")
                #expect(done == rotations)
                let read = Set(mounted.service.log.entries.compactMap(\.task))
                #expect(read.count == count)
            }
        }

        @Test func `a token that ends in the middle of a download is renewed, and the download whole`() async throws {
            let task = TaskID(number: 1)
            var behaviour = Behaviour()
            behaviour.bytesPerSecond = 2 << 20
            let slow = behaviour
            try await Self.with(
                Self.results(1, size: Self.size), file: Self.login, option: "credentials",
                options: ["connections=1", "read_ahead=512K"], prepare: { $0.behaviour = slow }
            ) { mounted, _ in
                async let copy = shell("sha256sum <\(mounted.file(task))")
                try await mounted.service.log.wait(for: .sent(Self.size / 3, task: task))
                mounted.service.expireTokens()
                let result = try await copy
                let expected = try #require(mounted.service.result(task)?.content.sha256())
                #expect(result.text == "\(expected)  -\n", "\(result.errors)")
                #expect(mounted.service.log.entries.count { $0.operation == "token" } == 2)
                #expect(mounted.service.log.entries.contains { $0.credentials == "token expired" })
            }
        }

        @Test func `a 401 that comes once is no failure where new credentials can be had`() async throws {
            try await Self.with(Self.results(3), file: Self.login, option: "credentials") { mounted, _ in
                let first = try await mounted.cat(TaskID(number: 1))
                #expect(first.succeeded, "\(first.errors)")
                mounted.service.inject(
                    .refusal(Refusal(status: 401, code: "APIG.0307", message: "renew")), on: .result)
                #expect(try await mounted.cat(TaskID(number: 2)).succeeded)
                #expect(try await mounted.cat(TaskID(number: 3)).succeeded)
                #expect(mounted.service.log.entries.count { $0.operation == "token" } == 2)
            }
        }

        @Test func `a 401 for ever costs two requests at most with keys that do not change`() async throws {
            try await SimulatedMount.with(
                Self.results(50), options: ["nolist", "error_ttl=0"], environment: Self.keys
            ) { mounted in
                mounted.service.inject(
                    .refusal(Refusal(status: 401, code: "APIG.0301", message: "no")), on: .result, times: nil)
                // cat writes what it has to say in pieces, which would mix.
                let result = try await shell(
                    """
                    cd \(mounted.project) || exit
                    for n in $(seq 50); do { all=$(cat $(printf %032x $n) 2>&1); printf '%s\\n' "$all"; } & done; wait
                    """, environment: ["LC_ALL": "C"])
                let lines = result.lines
                #expect(lines.count == 50 && lines.allSatisfy { $0.hasSuffix("Permission denied") }, "\(lines)")
                #expect(mounted.service.log.entries.count { $0.operation == "result" } <= 2)
                let code = try await mounted.attribute("error_code", of: mounted.file(TaskID(number: 7)))
                #expect(code == "APIG.0301")
            }
        }

        @Test(arguments: [3600, -3600])
        func `a clock that is an hour off costs one refusal`(seconds: Int) async throws {
            var behaviour = Behaviour()
            behaviour.clockSkew = .seconds(seconds)
            try await SimulatedMount.with(
                Self.results(20), options: ["nolist"], environment: Self.keys, behaviour: behaviour
            ) { mounted in
                let result = try await shell(
                    "cd \(mounted.project) && for n in $(seq 20); do cat $(printf %032x $n) >/dev/null & done; wait")
                #expect(result.succeeded && result.errors.isEmpty)
                #expect(mounted.service.log.entries.count { $0.credentials == "clock outside window" } == 1)
            }
        }

        @Test func `a project may have a profile and an endpoint of its own`() async throws {
            let other = try #require(ProjectID(rawValue: "otherproject"))
            let elsewhere = SimulatedService(project: other, accessKey: "OTHERKEY", secretKey: "other-secret")
            elsewhere.add(SimulatedResult(TaskID(number: 1), content: .text("elsewhere")))
            let server = SimulatorServer(service: elsewhere)
            let url = "http://127.0.0.1:\(try await server.start())"
            let profiles = """
                [basic]
                ak = \(SimulatedAccount.accessKey)
                sk = \(SimulatedAccount.secretKey)
                [other]
                ak = OTHERKEY
                sk = other-secret
                """
            try await Self.with(
                Self.results(1), file: profiles, option: "credentials",
                options: ["project_profiles=\(other)=other", "project_endpoints=\(other)=\(url)"]
            ) { mounted, _ in
                #expect(try await mounted.cat(TaskID(number: 1)).succeeded)
                let read = try await shell("cat \(mounted.mount.path(other.rawValue))/\(TaskID(number: 1))")
                #expect(read.text == "elsewhere", "\(read.errors)")
                #expect(elsewhere.log.entries.contains { $0.operation == "result" })
                #expect(!mounted.service.log.entries.contains { $0.path.contains(other.rawValue) })
            }
            await server.stop()
        }
    }
}
