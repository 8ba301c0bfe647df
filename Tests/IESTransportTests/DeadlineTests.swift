// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import Testing

@testable import IESTransport

@Suite(.timeLimit(.minutes(2))) struct DeadlineTests {
    private static let short = Duration.milliseconds(300)

    /// Not the one the other tests keep busy.
    private let transport = makeTransport()

    /// Runs the exchange and checks that its deadline was neither early nor ignored.
    private func expectTimeout(_ phase: TransportError.Phase, _ request: TransportRequest) async {
        let start = ContinuousClock.now
        #expect(await run(request, over: transport) == .timedOut(phase))
        let taken = ContinuousClock.now - start
        #expect(taken >= Self.short)
        // Far from the 20 s of the other deadlines; a busy machine may well take seconds.
        #expect(taken < .seconds(10))
    }

    @Test func `a connection that is not taken ends at the connect deadline`() async {
        // A full queue of connections: the kernel drops what comes next.
        let server = ScriptedServer(backlog: 0, accepts: false) { _ in }
        let crowd = Crowd(of: 8, at: server.port)
        await expectTimeout(.connect, request(server.authority, connect: Self.short))
        withExtendedLifetime(crowd) {}
    }

    @Test func `a TLS handshake without an answer ends at the connect deadline`() async {
        let server = ScriptedServer { $0.beSilent() }
        await expectTimeout(.connect, request(server.authority, scheme: "https", connect: Self.short))
    }

    @Test func `the connect deadline is never later than the stall deadline`() async {
        let server = ScriptedServer { $0.beSilent() }
        await expectTimeout(.connect, request(server.authority, scheme: "https", stall: Self.short))
    }

    @Test(arguments: ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"])
    func `silence before the end of the head ends at the stall deadline`(_ start: String) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send(start)
            connection.beSilent()
        }
        await expectTimeout(.response, request(server.authority, stall: Self.short))
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "\r\nhello",
    ])
    func `silence in the body ends at the stall deadline`(_ rest: String) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n" + rest)
            connection.beSilent()
        }
        await expectTimeout(.body, request(server.authority, stall: Self.short))
    }

    @Test func `a slow body is no stall`() async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            for _ in 0..<10 {
                usleep(100_000)
                connection.send("x")
            }
        }
        // 1 s in all, with never more than 100 ms without a byte.
        #expect(await run(request(server.authority, stall: .milliseconds(700)), over: transport) == nil)
    }

    @Test func `the deadline of each phase is counted from where the phase says`() {
        let start = ContinuousClock.now
        var deadlines = Deadlines(connectTimeout: .seconds(10), stallTimeout: .seconds(30), start: start)
        #expect(deadlines.end == start + .seconds(10))
        deadlines.connected()
        #expect(deadlines.phase == .response)
        #expect(deadlines.end == start + .seconds(30))
        deadlines.bytesCame(at: start + .seconds(5))
        #expect(deadlines.end == start + .seconds(35))
        deadlines.bodyBegins()
        deadlines.pause()
        #expect(deadlines.end == nil)
        deadlines.resume(at: start + .seconds(100))
        #expect(deadlines.end == start + .seconds(130))
    }
}
