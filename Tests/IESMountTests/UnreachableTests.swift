// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// What a program sees when the service cannot be reached, or not trusted.
    @Suite struct Unreachable {
        /// Mounts `url` unchecked and reads one result of it with `cat`.
        private static func check(_ url: String, _ expected: Int32, in workshop: Workshop) async throws {
            try await shell("mkdir -p \(workshop["mnt"])")
            let mount = try await MountedResults.mount(
                url, at: workshop["mnt"], cache: workshop["cache"],
                options: ["check=none", "allow_http", "timeout=3", "retries=1", "nolist"])
            let project = mount.path("0123456789abcdef0123456789abcdef")
            let read = try await shell("exec cat \(project)/\(TaskID(number: 1))", environment: ["LC_ALL": "C"])
            #expect(!read.succeeded && read.output.isEmpty)
            #expect(read.errors.hasSuffix(": \(String(cString: strerror(expected)))\n"), "\(url): \(read.errors)")
            let reason = try await shell(
                "getfattr --absolute-names -n user.ies.error_msg --only-values \(project) && ls \(project)")
            #expect(reason.succeeded && !reason.output.isEmpty, "\(url): \(reason.errors)")
            try await mount.unmount()
        }

        private static func with(_ body: (Workshop) async throws -> Void) async throws {
            let workshop = try Workshop()
            do {
                try await body(workshop)
            } catch {
                try await MountedResults(point: workshop["mnt"], cache: workshop["cache"]).discard()
                throw error
            }
            try await workshop.remove()
        }

        @Test func `a port where nobody listens is ECONNREFUSED`() async throws {
            try await Self.with { try await Self.check("http://127.0.0.1:\(freePort())", ECONNREFUSED, in: $0) }
        }

        /// `.invalid` has no addresses (RFC 6761, section 6.4).
        @Test func `a name without an address is EHOSTUNREACH`() async throws {
            try await Self.with { try await Self.check("http://nowhere.invalid", EHOSTUNREACH, in: $0) }
        }

        @Test func `a server that does not speak TLS is EPROTO`() async throws {
            let server = SimulatorServer(service: SimulatedService())
            let port = try await server.start()
            try await Self.with { try await Self.check("https://127.0.0.1:\(port)", EPROTO, in: $0) }
            await server.stop()
        }

        @Test func `a certificate that nobody vouches for is EPROTO`() async throws {
            try await Self.with { workshop in
                let port = freePort()
                let started = try await shell(
                    """
                    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out pem \
                        -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
                    setsid openssl s_server -accept 127.0.0.1:\(port) -key key -cert pem -www >/dev/null 2>&1 </dev/null &
                    echo $!
                    """, in: workshop.path)
                let process = try #require(started.lines.first)
                let listens = try await eventually {
                    try await shell("curl -sk -o /dev/null https://127.0.0.1:\(port)/").succeeded
                }
                #expect(listens)
                try await Self.check("https://127.0.0.1:\(port)", EPROTO, in: workshop)
                try await shell("kill \(process)")
            }
        }
    }
}
