// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// What is complete in the cache needs no service, and the status says that there is none.
    @Suite struct Offline {
        private static let content = SimulatedContent.generated(seed: 8, size: 9_000_001)
        private static let results = [
            SimulatedResult(TaskID(number: 1), content: content, filename: "one.bin"),
            SimulatedResult(TaskID(number: 2), content: .text("two")),
            SimulatedResult(TaskID(number: 3), content: .text("three")),
        ]

        private static func service(_ mounted: SimulatedMount) async throws -> String {
            let status = try await mounted.tool("status \(mounted.mount.point)")
            return status.lines.first { $0.hasPrefix("service: ") } ?? status.errors
        }

        @Test(arguments: [false, true])
        func `with the service away what is cached is listed, stated and read`(isRemounted: Bool) async throws {
            let options = ["list_ttl=1", "error_ttl=1", "timeout=3", "retries=1"]
            try await SimulatedMount.with(Self.results, options: options) { mounted in
                let port = try #require(mounted.url.split(separator: ":").last.flatMap { Int($0) })
                #expect(try await mounted.tool("prefetch \(mounted.file(TaskID(number: 1)))").code == 0)
                #expect(try await shell("ls \(mounted.project)").lines.count == 3)
                #expect(try await Self.service(mounted).hasPrefix("service: reachable, last answer "))
                await mounted.server.stop()
                if isRemounted {
                    try await mounted.mount.unmount()
                    _ = try await MountedResults.mount(
                        mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                        options: options + ["check=none"], environment: ["IESFS_TOKEN": SimulatedAccount.token])
                    #expect(try await Self.service(mounted) == "service: not asked yet")
                }
                let file = mounted.file(TaskID(number: 1))
                #expect(try await shell("sha256sum <\(file)").text.hasPrefix(try #require(Self.content.sha256())))
                #expect(try await shell("stat -c %s \(file)").text == "9000001\n")
                #expect(try await shell("ls \(mounted.project)").lines.count == 3)
                #expect(try await shell("cat \(mounted.project)/.by-name/one.bin | wc -c").text == "9000001\n")
                let missing = try await mounted.cat(TaskID(number: 2))
                #expect(!missing.succeeded && missing.errors.contains("Connection refused"), "\(missing.errors)")
                let offline = try await Self.service(mounted)
                #expect(offline.hasPrefix("service: offline since 20"), "\(offline)")
                #expect(offline.contains("last failure ECONNREFUSED") && offline.hasSuffix("cached stays readable."))
                let json = try await mounted.tool("status --json \(mounted.mount.point)").text
                #expect(json.contains("\"service\":\"offline since "), "\(json)")
                let fetched = try await mounted.tool("prefetch \(mounted.project)")
                #expect(fetched.code == 1 && fetched.lines.last == "1 result in the cache, 0 B fetched, 2 failed")

                let back = SimulatorServer(service: mounted.service)
                _ = try await back.start(port: port)
                let isRead = try await eventually(within: 30) {
                    try await mounted.cat(TaskID(number: 3)).text == "three"
                }
                #expect(isRead)
                #expect(try await Self.service(mounted).hasPrefix("service: reachable, last answer "))
                await back.stop()
            }
        }
    }
}
