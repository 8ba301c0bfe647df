// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import Testing

@Suite(.timeLimit(.minutes(2))) struct BrokenResponseTests {
    private static let withLength = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
    private static let withChunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n0123\r\n6\r\n456789\r\n0\r\nX-Trailer: 1\r\n\r\n"

    /// The response reaches the receiver as a whole head, or not at all; the error says how it broke.
    private func isMalformed(_ error: TransportError?) -> Bool {
        guard case .malformedResponse(let reason) = error else { return false }
        return !reason.isEmpty
    }

    private func isReset(_ error: TransportError?) -> Bool {
        guard case .connectionReset = error else { return false }
        return true
    }

    @Test(arguments: [withLength, withChunks])
    func `a response cut at any byte is never whole`(_ response: String) async {
        let bytes = Array(response.utf8)
        let headEnd = bytes.indices.first { bytes[$0...].starts(with: [13, 10, 13, 10]) }.map { $0 + 4 } ?? 0
        for cut in 0..<bytes.count {
            let collector = Collector()
            let server = ScriptedServer.sendingOnce(Array(bytes[..<cut]))
            let error = await run(request(server.authority), into: collector)
            if cut < headEnd {
                #expect(isReset(error), "cut at \(cut): \(String(describing: error))")
                #expect(collector.head == nil)
            } else {
                #expect(error == .bodyCutShort(received: Int64(collector.bytes.count)), "cut at \(cut)")
                #expect("0123456789".hasPrefix(collector.text))
            }
        }
        let collector = Collector()
        let server = ScriptedServer.sendingOnce(bytes)
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.text == "0123456789")
    }

    @Test(arguments: [0, 5, 17, 30, 38, 43]) func `a reset at any byte is a reset`(_ cut: Int) async {
        let server = ScriptedServer.sendingOnce(Array(Self.withLength.utf8.prefix(cut)), thenResets: true)
        let error = await run(request(server.authority))
        #expect(isReset(error), "\(String(describing: error))")
    }

    @Test func `a connection that is reset before the request is read is a reset`() async {
        let server = ScriptedServer { $0.reset() }
        #expect(isReset(await run(request(server.authority))))
    }

    @Test(arguments: [
        "Content-Length: 99999999999999999999\r\n", "Content-Length: 9223372036854775808\r\n",
        "Content-Length: 5\r\nContent-Length: 10\r\n", "Content-Length: 10\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n", "Content-Length: 5x\r\n",
        "Content-Length: +5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ])
    func `a body whose end cannot be believed reaches the receiver as a head and an error only`(_ fields: String) async
    {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\(fields)\r\n5\r\nhello\r\n0\r\n\r\n")
            connection.beSilent()
        }
        let collector = Collector()
        #expect(isMalformed(await run(request(server.authority), into: collector)))
        #expect(collector.head?.status.code == 200)
        #expect(collector.calls == 0)
    }

    @Test(arguments: ["Content-Length: -1\r\n", "Content-Length: ten\r\n", "Content-Length:\r\n"])
    func `a Content-Length that is no number is an error`(_ field: String) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\(field)\r\nhello")
            connection.beSilent()
        }
        let collector = Collector()
        #expect(isMalformed(await run(request(server.authority), into: collector)))
        #expect(collector.calls == 0)
    }

    @Test func `chunks are not believed in HTTP 1_0`() async {
        let server = ScriptedServer.sendingOnce(
            Array("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8))
        #expect(isMalformed(await run(request(server.authority))))
    }

    @Test func `a body up to the end of the connection can be told by its head`() async {
        let server = ScriptedServer.sendingOnce(Array("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello".utf8))
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.head?.headerFields[.contentLength] == nil)
        #expect(collector.head?.headerFields[.transferEncoding] == nil)
        #expect(collector.text == "hello")
    }

    @Test(arguments: [
        "0x5\r\nhello\r\n0\r\n\r\n", "g\r\n", "\r\n", "-5\r\nhello\r\n", "8000000000000000\r\nhello",
        "00000000000000005\r\nhello\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n", "5\r\nhello\r\n0\r\n: x\r\n\r\n", "5\r\nhello\r\n0\r\n x: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: \u{1}\r\n\r\n", "5;\u{0}\r\nhello\r\n",
        "5\r\nhello\r\n0\r\nX: " + String(repeating: "y", count: 5000) + "\r\n\r\n",
        "5;" + String(repeating: "y", count: 5000) + "\r\nhello\r\n0\r\n\r\n",
    ])
    func `bad chunks and bad trailers are errors`(_ body: String) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
            connection.beSilent()
        }
        let error = await run(request(server.authority))
        #expect(isMalformed(error), "\(String(describing: error))")
    }

    @Test(arguments: [
        "hello\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/3.7 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello",
    ])
    func `what is not HTTP is an error`(_ response: String) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send(response)
            connection.beSilent()
        }
        let collector = Collector()
        let error = await run(request(server.authority), into: collector)
        #expect(isMalformed(error), "\(String(describing: error))")
        #expect(collector.head == nil)
    }

    @Test(arguments: [1, 64, 1 << 20]) func `a header of 1 MiB is an error, in fields of any size`(_ size: Int) async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n")
            let field = "X: " + String(repeating: "y", count: size) + "\r\n"
            for _ in 0..<(1 << 20) / size + 1 { connection.send(field) }
            connection.send("Content-Length: 0\r\n\r\n")
        }
        #expect(isMalformed(await run(request(server.authority))))
    }

    @Test func `informational responses without end are an error`() async {
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            for _ in 0..<100_000 { connection.send("HTTP/1.1 103 Early Hints\r\n\r\n") }
        }
        #expect(isMalformed(await run(request(server.authority))))
    }

    @Test func `a header of 120 KiB is none`() async {
        let field = "X: " + String(repeating: "y", count: 1000) + "\r\n"
        let server = ScriptedServer.answering(
            "HTTP/1.1 200 OK\r\n" + String(repeating: field, count: 120) + "Content-Length: 0\r\n\r\n")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.head?.headerFields.count == 121)
    }

    @Test func `bytes after the promised length are not part of the body`() async {
        let server = ScriptedServer.sendingOnce(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello there".utf8))
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.text == "hello")
    }

    @Test func `a compressed body is handed over as it came`() async {
        let server = ScriptedServer.answering(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.text == "hello")
    }
}
