// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// Whom a mount believes to be the service.
    @Suite struct TLSMounts {
        private static func with(_ body: (Network, TLSFront) async throws -> Void) async throws {
            try await Network.with { network in
                let front = try await TLSFront(before: network.port, in: network.workshop.path)
                do {
                    network.service.log.reset()
                    try await body(network, front)
                } catch {
                    try await front.stop()
                    throw error
                }
                try await front.stop()
            }
        }

        @Test func `only a certificate of a trusted authority, for this name and this time, is believed`() async throws
        {
            try await Self.with { network, front in
                let trusting = ["cacert=\(front.authorities)"]
                try await network.expect(EPROTO, from: front.url(.good))
                try await network.expect(EPROTO, from: front.url(.wrong), options: trusting)
                try await network.expect(EPROTO, from: front.url(.expired), options: trusting)
                #expect(network.service.log.count == 0, "nothing was asked before the certificate was believed")
                try await network.expectBytes(from: front.url(.good), options: trusting)
                try await network.expectBytes(
                    from: front.url(.good), environment: ["SSL_CERT_FILE": front.authorities.string])
                // The option is the nearer one.
                try await network.expect(
                    EPROTO, from: front.url(.good), options: ["cacert=\(front.directory)/wrong.pem"],
                    environment: ["SSL_CERT_FILE": front.authorities.string])
            }
        }

        @Test func `lists come over HTTP 2 and bodies over HTTP 1_1, over connections that are kept`() async throws {
            try await Self.with { network, front in
                let mount = try await MountedResults.mount(
                    front.url(.good), at: network.workshop["mnt"], cache: network.workshop["cache"],
                    options: ["cacert=\(front.authorities)"], environment: Network.plainEnvironment)
                let project = mount.path(network.service.project.rawValue)
                let tasks = (0x10..<0x30).map { TaskID(number: $0) }
                for task in tasks { network.service.add(SimulatedResult(task, content: .text("\(task)"))) }
                #expect(try await shell("ls \(project)").lines.count == tasks.count + 1)
                for task in tasks { #expect(try await shell("cat \(project)/\(task)").text == "\(task)") }
                try await mount.unmount()
                let requests = try await front.requests()
                let lists = requests.filter { $0.contains("/ies/task") }
                let results = requests.filter { $0.contains("/ies/result/") }
                #expect(!lists.isEmpty && lists.allSatisfy { $0.hasPrefix("HTTP/2.0 ") }, "\(lists)")
                #expect(results.count >= tasks.count && results.allSatisfy { $0.hasPrefix("HTTP/1.1 ") })
                let connections = Set(results.map { $0.split(separator: " ").last })
                #expect(connections.count <= 2, "\(connections.count) connections for \(results.count) results")
            }
        }

        @Test func `a redirect from https to http is not followed`() async throws {
            try await Self.with { network, front in
                network.service.change { $0.redirects = .origin("http://127.0.0.1:\(network.port)") }
                let (copy, reason) = try await network.copy(
                    from: front.url(.good), options: ["cacert=\(front.authorities)"])
                #expect(copy.errors.hasSuffix(": \(FaultBench.words(EIO))\n"), "\(copy.errors)")
                #expect(reason.contains("http"), "\(reason)")
                #expect(network.fieldsOfLinks.isEmpty)
            }
        }

        @Test func `a handshake that is cut or silent is an error in time`() async throws {
            try await Network.with { network in
                let cut = try await SmallServer.accepting(
                    "s.recv(5); s.close()", name: "cut", in: network.workshop.path)
                let silent = try await SmallServer.accepting("pass", name: "silent", in: network.workshop.path)
                try await network.expect(EPROTO, from: "https://127.0.0.1:\(cut.port)")
                let start = ContinuousClock.now
                try await network.expect(ETIMEDOUT, from: "https://127.0.0.1:\(silent.port)")
                #expect(ContinuousClock.now - start < .seconds(20))
                try await cut.stop()
                try await silent.stop()
            }
        }
    }
}
