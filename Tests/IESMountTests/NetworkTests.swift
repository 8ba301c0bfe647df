// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// Ways to the service: addresses, redirects, proxies, clocks.
    @Suite struct Networks {
        @Test func `an address of IPv6 is one like others`() async throws {
            try await Network.with(host: "::1") { try await $0.expectBytes(from: "http://[::1]:\($0.port)") }
        }

        /// libcurl knows both addresses of `localhost` by itself.
        @Test(arguments: ["127.0.0.1", "::1"])
        func `of several addresses one that refuses is passed by`(host: String) async throws {
            try await Network.with(host: host) { try await $0.expectBytes(from: "http://localhost:\($0.port)") }
        }

        /// The dead one would be tried first (RFC 6724), and alone would take all of the time there is.
        @Test func `of several addresses one that does not answer costs a moment`() async throws {
            try await Network.with { network in
                let hole = try await SmallServer.blackHole(
                    family: "AF_INET6", port: network.port, in: network.workshop.path)
                try await network.expectBytes(from: "http://localhost:\(network.port)")
                try await network.expect(ETIMEDOUT, from: "http://[::1]:\(network.port)")
                try await hole.stop()
            }
        }

        @Test func `a connection that nobody takes is given up in time`() async throws {
            try await Network.with { network in
                let hole = try await SmallServer.blackHole(in: network.workshop.path)
                let start = ContinuousClock.now
                try await network.expect(ETIMEDOUT, from: "http://127.0.0.1:\(hole.port)", options: ["retries=0"])
                #expect(ContinuousClock.now - start < .seconds(20))
                try await hole.stop()
            }
        }

        @Test(arguments: [true, false])
        func `another host gets no secret, by keys or by token`(usesKeys: Bool) async throws {
            let keys = [
                "IESFS_TOKEN": "", "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey,
                "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
            ]
            try await Network.with { network in
                try await network.server.startLinkPort()
                network.service.change { $0.redirects = .otherPort }
                try await network.expectBytes(
                    from: "http://127.0.0.1:\(network.port)", environment: usesKeys ? keys : [:])
                let links = network.fieldsOfLinks
                #expect(!links.isEmpty)
                for fields in links { #expect(Set(fields).isDisjoint(with: Network.secretFields), "\(fields)") }
                let results = network.service.log.entries.filter { $0.operation == Operation.result.rawValue }
                #expect(results.allSatisfy { $0.credentials == (usesKeys ? "signed" : "token") })
            }
        }

        @Test(arguments: [3_600, -3_600])
        func `a clock that is an hour off costs one refusal`(seconds: Int) async throws {
            let keys = [
                "IESFS_TOKEN": "", "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey,
                "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
            ]
            try await Network.with { network in
                network.service.change { $0.clockSkew = .seconds(seconds) }
                try await network.expectBytes(from: "http://127.0.0.1:\(network.port)", environment: keys)
                let results = network.service.log.entries(of: Network.task)
                #expect(results.count { $0.credentials != "signed" } == 1, "\(results.map(\.credentials))")
            }
        }

        @Test func `a token that is replaced while a copy runs does not disturb it`() async throws {
            try await Network.with { network in
                let file = network.workshop["token"]
                try write("first-token".utf8, to: file, permissions: .ownerReadWrite)
                network.service.addToken("first-token")
                network.service.addToken("second-token")
                network.service.change { $0.bytesPerSecond = 4 << 20 }
                let large = SimulatedContent.generated(seed: 5, size: 48 << 20)
                let task = TaskID(number: 2)
                network.service.add(SimulatedResult(task, content: large))
                let mount = try await MountedResults.mount(
                    "http://127.0.0.1:\(network.port)", at: network.workshop["mnt"], cache: network.workshop["cache"],
                    options: ["token_file=\(file)", "read_ahead=1M", "connections=1"],
                    environment: Network.plainEnvironment.merging(["IESFS_TOKEN": ""]) { $1 })
                let path = "\(mount.path(network.service.project.rawValue))/\(task)"
                async let copied = shell("sha256sum <\(path)", within: 100)
                try await network.service.log.wait(for: .sent(4 << 20, task: task))
                try write("second-token".utf8, to: file, permissions: .ownerReadWrite)
                network.service.removeToken("first-token")
                network.service.removeToken(SimulatedAccount.token)
                network.service.change { $0.bytesPerSecond = nil }
                #expect(try await copied.text.hasPrefix(try #require(large.sha256())))
                try await mount.unmount()
                let refused = network.service.log.entries(of: task).count { $0.status == 401 }
                #expect(refused <= 1, "\(refused) requests with the old token")
            }
        }

        @Test func `a token that ends while a copy runs is EACCES, and a new one goes on`() async throws {
            try await Network.with { network in
                let file = network.workshop["token"]
                try write("first-token".utf8, to: file, permissions: .ownerReadWrite)
                network.service.addToken("first-token")
                network.service.change { $0.bytesPerSecond = 8 << 20 }
                let large = SimulatedContent.generated(seed: 5, size: 48 << 20)
                let task = TaskID(number: 2)
                network.service.add(SimulatedResult(task, content: large))
                let mount = try await MountedResults.mount(
                    "http://127.0.0.1:\(network.port)", at: network.workshop["mnt"], cache: network.workshop["cache"],
                    options: ["token_file=\(file)", "read_ahead=1M", "connections=1", "error_ttl=1"],
                    environment: Network.plainEnvironment.merging(["IESFS_TOKEN": ""]) { $1 })
                let path = "\(mount.path(network.service.project.rawValue))/\(task)"
                async let copied = shell("exec cat \(path) >/dev/null", within: 100)
                try await network.service.log.wait(for: .sent(4 << 20, task: task))
                network.service.removeToken("first-token")
                #expect(try await !copied.succeeded)
                let symbol = try await shell("getfattr --absolute-names -n user.ies.errno --only-values \(path)")
                #expect(symbol.text == "EACCES", "\(symbol.errors)")
                let refused = network.service.log.entries(of: task).count { $0.status == 401 }
                #expect((1...4).contains(refused), "\(refused) requests with a token that has ended")
                network.service.addToken("second-token")
                network.service.change { $0.bytesPerSecond = nil }
                try write("second-token".utf8, to: file, permissions: .ownerReadWrite)
                let sum = try #require(large.sha256())
                let isRight = try await eventually(within: 20) {
                    try await shell("sha256sum <\(path)").text.hasPrefix(sum)
                }
                #expect(isRight)
                try await mount.unmount()
            }
        }

        /// Made for documentation and never registered (RFC 6761); what a slow name server does cannot be tried here,
        /// where the resolver is the machine's own.
        @Test func `a name without an address is known to be none at once`() async throws {
            try await Network.with { network in
                try await network.expect(EHOSTUNREACH, from: "https://nowhere.invalid")
            }
        }
    }
}
