// SPDX-License-Identifier: Apache-2.0

import IESService
import IESTransport
import SystemPackage
import Testing

/// Against `openssl s_server`, which sends a file that holds a whole response.
@Suite(.timeLimit(.minutes(2))) struct TLSTests {
    private let scratch: Scratch

    init() async throws {
        scratch = try Scratch()
        try await scratch.makeCertificate("good", for: "DNS:localhost,IP:127.0.0.1")
        try await scratch.makeCertificate("other", for: "DNS:other.invalid")
        try scratch.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", to: "answer")
        try scratch.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", to: "short")
    }

    private func serve(_ certificate: String, _ options: [String] = []) async throws -> (
        ChildProcess, authority: String
    ) {
        let server = try ChildProcess(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "\(certificate).pem", "-key",
                "\(certificate).key", "-HTTP",
            ] + options, in: scratch.path)
        return (server, try #require(await server.line(after: "ACCEPT ")))
    }

    private func outcome(
        of authority: String, _ path: String = "/answer", trusting certificate: String?,
        into collector: Collector = Collector()
    ) async -> TransportError? {
        let file = certificate.map { FilePath(scratch.path("\($0).pem")) }
        let transport = CurlTransport(settings: CurlSettings(proxy: "", caFile: file))
        defer { transport.shutdown() }
        return await run(request(authority, path, scheme: "https"), into: collector, over: transport)
    }

    private func isTLS(_ error: TransportError?) -> Bool {
        guard case .tls(let text) = error else { return false }
        return !text.isEmpty
    }

    @Test func `a certificate in the CA file is trusted`() async throws {
        let (server, authority) = try await serve("good")
        let collector = Collector()
        #expect(await outcome(of: authority, trusting: "good", into: collector) == nil)
        #expect(collector.text == "hello")
        withExtendedLifetime(server) {}
    }

    @Test func `a certificate nobody vouches for is refused`() async throws {
        let (server, authority) = try await serve("good")
        #expect(isTLS(await outcome(of: authority, trusting: nil)))
        #expect(isTLS(await outcome(of: authority, trusting: "other")))
        #expect(isTLS(await outcome(of: authority, trusting: "missing")))
        withExtendedLifetime(server) {}
    }

    @Test func `a certificate for another name is refused`() async throws {
        let (server, authority) = try await serve("other")
        #expect(isTLS(await outcome(of: authority, trusting: "other")))
        withExtendedLifetime(server) {}
    }

    @Test func `TLS older than 1_2 is refused`() async throws {
        let (server, authority) = try await serve("good", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        #expect(isTLS(await outcome(of: authority, trusting: "good")))
        withExtendedLifetime(server) {}
    }

    @Test func `a body cut short over TLS is an error`() async throws {
        let (server, authority) = try await serve("good")
        let collector = Collector()
        let error = await outcome(of: authority, "/short", trusting: "good", into: collector)
        switch error {
        // As the server ends TLS properly or not.
        case .bodyCutShort(received: 5), .connectionReset: break
        default: Issue.record("\(String(describing: error))")
        }
        #expect(collector.text == "hello")
        withExtendedLifetime(server) {}
    }

    @Test func `plain HTTP where TLS was expected is a failure of TLS`() async {
        let plain = ScriptedServer { connection in
            _ = connection.read(5)
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        #expect(isTLS(await run(request(plain.authority, scheme: "https"))))
    }

    @Test func `a connection cut within the handshake is a failure of TLS`() async {
        let cut = ScriptedServer { connection in _ = connection.read(5) }
        #expect(isTLS(await run(request(cut.authority, scheme: "https"))))
    }
}
