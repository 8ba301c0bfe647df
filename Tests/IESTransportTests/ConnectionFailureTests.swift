// SPDX-License-Identifier: Apache-2.0

import CCurl
import Glibc
import HTTPTypes
import IESService
import Synchronization
import Testing

@testable import IESTransport

@Suite(.timeLimit(.minutes(2))) struct ConnectionFailureTests {
    @Test func `a port nobody listens at refuses the connection`() async {
        let authority = ScriptedServer { _ in }.authority  // gone with the statement
        guard case .connectionRefused(let text) = await run(request(authority)) else {
            Issue.record("not refused")
            return
        }
        #expect(text.contains("127.0.0.1"))
    }

    @Test func `a name that has no address is not resolved`() async {
        // A label of 64 characters cannot be asked for (RFC 1035 section 2.3.4), so no name server matters.
        let host = String(repeating: "a", count: 64) + ".invalid"
        #expect(await run(request("\(host):80")) == .nameNotResolved(host: host))
    }

    @Test(arguments: [
        (ENETUNREACH, TransportError.unreachable("text")), (EHOSTUNREACH, .unreachable("text")),
        (ECONNREFUSED, .connectionRefused("text")), (ECONNRESET, .connectionReset("text")),
        (ETIMEDOUT, .timedOut(.connect)), (0, .unreachable("text")),
    ])
    func `a failed connection is told by its errno`(_ code: Int32, _ error: TransportError) {
        var failure = CurlFailure(CURLE_COULDNT_CONNECT)
        failure.systemError = code
        failure.text = "text"
        let circumstances = TransportError.Circumstances(
            authority: "host:80", isSecure: false, phase: .connect, received: 0)
        #expect(TransportError(failure, in: circumstances) == error)
    }

    @Test func `a proxy gets the whole URL of a plain request, byte for byte`() async {
        let seen = Mutex("")
        let proxy = ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            seen.withLock { $0 = request }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let transport = CurlTransport(settings: CurlSettings(proxy: "http://\(proxy.authority)"))
        defer { transport.shutdown() }
        #expect(
            await run(request("ies.invalid", "/a/../%7e?x=%2f", fields: [.authorization: "canary"]), over: transport)
                == nil)
        #expect(
            seen.withLock { $0 }.hasPrefix("GET http://ies.invalid/a/../%7e?x=%2f HTTP/1.1\r\nHost: ies.invalid\r\n"))
    }

    @Test func `a request that avoids proxies goes to its host`() async {
        let server = ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            let isPlain = request.hasPrefix("GET /keys HTTP/1.1\r\n")
            connection.send("HTTP/1.1 \(isPlain ? 200 : 400) OK\r\nContent-Length: 0\r\n\r\n")
        }
        let proxy = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 418 Proxied\r\nContent-Length: 0\r\n\r\n")
        }
        let transport = CurlTransport(settings: CurlSettings(proxy: "http://\(proxy.authority)"))
        defer { transport.shutdown() }
        for (avoids, status) in [(false, 418), (true, 200), (false, 418)] {
            var request = request(server.authority, "/keys")
            request.avoidsProxy = avoids
            let collector = Collector()
            #expect(await run(request, into: collector, over: transport) == nil)
            #expect(collector.head?.status.code == status)
        }
    }

    @Test func `a proxy that refuses a tunnel is named, and learns no secret`() async {
        let seen = Mutex("")
        let proxy = ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            seen.withLock { $0 = request }
            connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!")
        }
        let transport = CurlTransport(settings: CurlSettings(userAgent: "iesfs/1", proxy: "http://\(proxy.authority)"))
        defer { transport.shutdown() }
        let collector = Collector()
        let fields: HTTPFields = [.authorization: "canary"]
        let error = await run(request("ies.invalid", scheme: "https", fields: fields), into: collector, over: transport)
        #expect(error == .proxy("the proxy answered 403"))
        #expect(collector.head == nil)
        #expect(seen.withLock { $0 }.hasPrefix("CONNECT ies.invalid:443 HTTP/1.1\r\nHost: ies.invalid:443\r\n"))
        #expect(!seen.withLock { $0 }.contains("canary"))
    }

    @Test func `a proxy whose name is not resolved is named`() async {
        let transport = CurlTransport(
            settings: CurlSettings(proxy: "http://\(String(repeating: "a", count: 64)).invalid:3128"))
        defer { transport.shutdown() }
        guard case .proxy = await run(request("127.0.0.1:9"), over: transport) else {
            Issue.record("not a proxy's failure")
            return
        }
    }

    @Test func `giving up a transport leaves no descriptor behind`() async {
        let server = ScriptedServer { $0.beSilent() }
        let isOpen = { (descriptor: Int32) in fcntl(descriptor, F_GETFD) >= 0 }
        func socketsToServer() -> Int {
            (3..<Int32(1024)).count { descriptor in
                guard isOpen(descriptor) else { return false }
                var address = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                return withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        getpeername(descriptor, $0, &length) == 0
                    }
                } && Int(UInt16(bigEndian: address.sin_port)) == server.port
            }
        }
        let transport = makeTransport()
        for _ in 0..<20 {
            // .connect or .response, as fast as the machine is.
            guard case .timedOut = await run(request(server.authority, stall: .milliseconds(20)), over: transport)
            else {
                Issue.record("no timeout")
                continue
            }
        }
        #expect(socketsToServer() == 0)
        transport.shutdown()
    }
}
