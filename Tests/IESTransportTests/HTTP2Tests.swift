// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import IESTransport
import SystemPackage
import Testing

/// Against nginx, which says in a header field which protocol it was asked by.
@Suite(.timeLimit(.minutes(2))) struct HTTP2Tests {
    private let scratch: Scratch
    private let server: ChildProcess
    private let authority: String

    init() async throws {
        scratch = try Scratch()
        try await scratch.makeCertificate("good", for: "DNS:localhost,IP:127.0.0.1")
        // A port that was free a moment ago.
        let port = ScriptedServer(accepts: false) { _ in }.port
        authority = "127.0.0.1:\(port)"
        try scratch.write(
            """
            daemon off; pid nginx.pid; error_log stderr; worker_processes 1; events {}
            http {
              access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;
              scgi_temp_path s;
              server {
                listen \(authority) ssl http2; ssl_certificate good.pem; ssl_certificate_key good.key;
                add_header X-Protocol "$server_protocol $connection"; root .;
              }
            }
            """, to: "nginx.conf")
        try scratch.write(String(repeating: "0123456789abcdef", count: 1 << 16), to: "file")
        server = try ChildProcess(
            ["nginx", "-p", scratch.path, "-c", "nginx.conf", "-e", "stderr"],
            in: scratch.path)
    }

    private func protocolAndConnection(
        _ transport: CurlTransport, requiresHTTP1: Bool
    ) async throws -> (String, connection: String) {
        let field = HTTPField.Name("X-Protocol")!
        var collector = Collector()
        // nginx takes a moment to listen.
        for _ in 0..<200 {
            collector = Collector()
            let error = await run(
                request(authority, "/file", scheme: "https", requiresHTTP1: requiresHTTP1), into: collector,
                over: transport)
            guard case .connectionRefused = error else {
                #expect(error == nil)
                break
            }
            try await Task.sleep(for: .milliseconds(25))
        }
        #expect(collector.bytes.count == 1 << 20)
        let words = try #require(collector.head?.headerFields[field]).split(separator: " ")
        return (String(words[0]), String(words[1]))
    }

    @Test func `HTTP 2 is spoken where it may be, and never where a connection of its own is asked for`() async throws {
        let transport = CurlTransport(
            settings: CurlSettings(proxy: "", caFile: FilePath(scratch.path("good.pem"))))
        defer { transport.shutdown() }
        let (first, shared) = try await protocolAndConnection(transport, requiresHTTP1: false)
        #expect(first == "HTTP/2.0")
        #expect(try await protocolAndConnection(transport, requiresHTTP1: true).0 == "HTTP/1.1")
        let (third, connection) = try await protocolAndConnection(transport, requiresHTTP1: false)
        #expect(third == "HTTP/2.0" || third == "HTTP/1.1")
        if third == "HTTP/2.0" { #expect(connection == shared) }
    }

    @Test func `a paused HTTP 2 stream goes on after the resume`() async throws {
        let transport = CurlTransport(
            settings: CurlSettings(proxy: "", caFile: FilePath(scratch.path("good.pem"))))
        defer { transport.shutdown() }
        _ = try await protocolAndConnection(transport, requiresHTTP1: false)
        let collector = Collector(onBytes: { bytes, transfer in
            guard bytes.byteCount % 2 == 0, Bool.random() else { return .proceed }
            onThread { transfer.resume() }
            return .pause
        })
        let error = await run(
            request(authority, "/file", scheme: "https", requiresHTTP1: false), into: collector, over: transport)
        #expect(error == nil)
        #expect(collector.text == String(repeating: "0123456789abcdef", count: 1 << 16))
    }
}
