// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// Through a proxy, or past it.
    @Suite struct Proxies {
        private static func with(
            refuses: Bool = false, _ body: (Network, SmallServer) async throws -> Void
        ) async throws {
            try await Network.with { network in
                let proxy = try await SmallServer.proxy(refuses: refuses, in: network.workshop.path)
                do {
                    try await body(network, proxy)
                } catch {
                    try await proxy.stop()
                    throw error
                }
                try await proxy.stop()
            }
        }

        @Test func `the option names a proxy, which no_proxy keeps out`() async throws {
            try await Self.with { network, proxy in
                let endpoint = "http://127.0.0.1:\(network.port)"
                let option = ["proxy=http://127.0.0.1:\(proxy.port)"]
                try await network.expectBytes(
                    from: endpoint, options: option, environment: ["NO_PROXY": "other.example,127.0.0.1"])
                try await network.expectBytes(from: endpoint, options: option, environment: ["no_proxy": "127.0.0.0/8"])
                #expect(try await proxy.lines().isEmpty)
                try await network.expectBytes(from: endpoint, options: option)
                let lines = try await proxy.lines()
                #expect(lines.contains { $0.hasPrefix("GET \(endpoint)/v2/") }, "\(lines)")
            }
        }

        @Test func `TLS goes through a tunnel, and the proxy learns no secret`() async throws {
            try await Self.with { network, proxy in
                let front = try await TLSFront(before: network.port, in: network.workshop.path)
                let url = front.url(.good)
                try await network.expectBytes(
                    from: url, options: ["cacert=\(front.authorities)"],
                    environment: ["https_proxy": "http://127.0.0.1:\(proxy.port)"])
                let lines = try await proxy.lines()
                #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("CONNECT \(url.dropFirst(8)) ") }, "\(lines)")
                for secret in Network.secretFields {
                    #expect(!lines.contains { $0.lowercased().contains(secret) })
                }
                try await front.stop()
            }
        }

        @Test func `a redirect leads through the proxy as well, without secrets`() async throws {
            try await Self.with { network, proxy in
                let linkPort = try await network.server.startLinkPort()
                network.service.change { $0.redirects = .otherPort }
                try await network.expectBytes(
                    from: "http://127.0.0.1:\(network.port)", options: ["proxy=http://127.0.0.1:\(proxy.port)"])
                let links = try await proxy.lines().filter { $0.hasPrefix("GET http://127.0.0.1:\(linkPort)/_link/") }
                #expect(!links.isEmpty)
                for link in links {
                    let fields = Set(link.lowercased().split(separator: " ").map(String.init))
                    #expect(fields.isDisjoint(with: Network.secretFields), "\(link)")
                }
            }
        }

        @Test func `a proxy that refuses, or is not there, is named in the reason`() async throws {
            try await Self.with(refuses: true) { network, proxy in
                try await network.expect(
                    EHOSTUNREACH, from: "https://127.0.0.1:\(network.port)",
                    options: ["proxy=http://127.0.0.1:\(proxy.port)"])
                try await network.expect(
                    ECONNREFUSED, from: "https://127.0.0.1:\(network.port)",
                    options: ["proxy=http://127.0.0.1:\(freePort())"])
                #expect(network.service.log.count == 0)
            }
        }
    }
}
