// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import IESTransport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct ExchangeTests {
    @Test func `a plain response reaches the receiver whole`() async {
        let server = ScriptedServer.answering("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.head?.status.code == 200)
        #expect(collector.head?.status.reasonPhrase == "Fine")
        #expect(collector.head?.headerFields[.eTag] == "\"a\"")
        #expect(collector.text == "hello")
    }

    @Test func `an empty body is a whole response`() async {
        let server = ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.calls == 0)
    }

    @Test func `a chunked body reaches the receiver without its chunks`() async {
        let body = pattern(300_000)
        let head = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        let server = ScriptedServer.sendingOnce(head + chunked(body, sizes: [1, 70_000, 2, 16_384, 17, 3]))
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.bytes == body)
    }

    @Test func `the receiver gets at most 16 KiB at once`() async {
        let body = pattern(1 << 21)
        let server = ScriptedServer.sendingOnce(Array("HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n".utf8) + body)
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.bytes == body)
        #expect(collector.largestPiece <= 16_384)
    }

    @Test func `the request is sent byte for byte and with nothing added`() async {
        let seen = Mutex("")
        let server = ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            seen.withLock { $0 = request }
            connection.send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/9\r\nContent-Length: 2\r\n\r\nab")
        }
        var fields = HTTPFields()
        fields[.range] = "bytes=2-3"
        fields[.acceptEncoding] = "identity"
        fields[HTTPField.Name("X-Sdk-Date")!] = "20260101T000000Z"
        fields[HTTPField.Name("X-Empty")!] = ""
        let collector = Collector()
        let path = "/v2/a%2fB/../x//y?z=%7E&&empty=&q='(*)"
        #expect(await run(request(server.authority, path, fields: fields), into: collector) == nil)
        #expect(collector.head?.status.code == 206)
        #expect(collector.head?.headerFields[.contentRange] == "bytes 2-3/9")
        #expect(
            seen.withLock { $0 } == """
                GET \(path) HTTP/1.1\r
                Host: \(server.authority)\r
                Range: bytes=2-3\r
                Accept-Encoding: identity\r
                X-Sdk-Date: 20260101T000000Z\r
                X-Empty:\r
                \r\n
                """)
    }

    /// What a kept connection still held is no response to this request; a new connection may bring one.
    @Test(arguments: [true, false])
    func `bytes after the end of a response are not taken for the next one`(isGoodAgain: Bool) async {
        let server = ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            if connection.number > 1, !isGoodAgain { connection.send("!!!!") }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            guard connection.readRequest() != nil else { return }
            connection.send("!!!!HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        }
        let transport = CurlTransport(settings: CurlSettings(proxy: ""))
        defer { transport.shutdown() }
        #expect(await run(request(server.authority), over: transport) == nil)
        let collector = Collector()
        let error = await run(request(server.authority), into: collector, over: transport)
        if isGoodAgain {
            #expect(error == nil)
            #expect(collector.text == "hello")
        } else {
            guard case .malformedResponse? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(collector.head == nil)
        }
    }

    @Test func `a body is sent with its length and without Expect`() async {
        let seen = Mutex(("", [UInt8]()))
        let body = pattern(1 << 21)
        let server = ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            let sent = connection.read(body.count)
            seen.withLock { $0 = (request, sent) }
            connection.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        }
        let fields: HTTPFields = [.contentType: "application/json", .userAgent: "iesfs/1"]
        #expect(await run(request(server.authority, "/t", method: .post, fields: fields, body: body)) == nil)
        let (head, sent) = seen.withLock { $0 }
        #expect(sent == body)
        #expect(
            head.split(separator: "\r\n").sorted() == [
                "Content-Length: 2097152", "Content-Type: application/json", "Host: \(server.authority)",
                "POST /t HTTP/1.1", "User-Agent: iesfs/1",
            ])
    }

    @Test func `one connection serves one exchange after the other`() async {
        let server = ScriptedServer { connection in
            while connection.readRequest() != nil {
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
                guard connection.readRequest() != nil else { return }
                connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nnot")
            }
        }
        let transport = makeTransport()
        defer { transport.shutdown() }
        for _ in 0..<10 { #expect(await run(request(server.authority), over: transport) == nil) }
        #expect(server.connections == 1)
    }

    @Test func `a kept connection that has died costs no request`() async {
        let server = ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            // The next request finds a closed connection, or a reset one.
            connection.reset()
        }
        let transport = makeTransport()
        defer { transport.shutdown() }
        for _ in 0..<20 { #expect(await run(request(server.authority), over: transport) == nil) }
        #expect(server.connections == 20)
    }

    @Test func `duplicate fields arrive all and in order`() async {
        let server = ScriptedServer.answering(
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: 2\r\nX-A:\t3 \r\nFolded: one\r\n\ttwo\r\nContent-Length: 0\r\n\r\n")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(
            collector.head?.headerFields.map { "\($0.name.rawName)=\($0.value)" } == [
                "X-A=1", "x-b=2", "X-A=3", "Folded=one two", "Content-Length=0",
            ])
    }

    @Test func `informational responses are skipped`() async {
        let server = ScriptedServer.answering(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.head?.headerFields.count == 1)
        #expect(collector.text == "ok")
    }

    @Test(arguments: [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ])
    func `a response without a body by its nature is whole`(_ method: String, _ response: String) async {
        let server = ScriptedServer.answering(response)
        let method = HTTPRequest.Method(method)!
        #expect(await run(request(server.authority, method: method)) == nil)
    }

    @Test func `a redirect is an answer like any other`() async {
        let server = ScriptedServer.answering("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        let collector = Collector()
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.head?.status.code == 302)
        #expect(collector.head?.headerFields[.location] == "/other")
    }

    @Test func `64 exchanges at once each get their own bytes`() async {
        let server = ScriptedServer { connection in
            while let request = connection.readRequest(),
                let number = Int(request.split(separator: "/")[1].prefix { $0 != " " })
            {
                let body = [UInt8](repeating: UInt8(number), count: 1 << 16)
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
                connection.send(body)
            }
        }
        let transport = makeTransport()
        defer { transport.shutdown() }
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let collector = Collector()
                    let error = await run(request(server.authority, "/\(number)"), into: collector, over: transport)
                    return error == nil && collector.bytes == [UInt8](repeating: UInt8(number), count: 1 << 16)
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test func `a request that would not be sent as it is, is refused`() async {
        for path in ["/a b", "/a\r\nX: y", "/a#b", "a", "/ä"] {
            #expect(await run(request("127.0.0.1:9", path)) == .other("the request has no usable URL"))
        }
        for authority in ["", "host/x", "user:secret@127.0.0.1:9"] {
            let error = await run(request(authority))
            guard case .other(let text) = error else {
                Issue.record("\(authority) gave \(String(describing: error))")
                continue
            }
            #expect(!text.contains("secret"))
        }
    }

    @Test func `a shut down transport ends what runs and takes nothing more`() async {
        let transport = makeTransport()
        let hasRequest = Signal()
        let server = ScriptedServer { connection in
            _ = connection.readRequest()
            hasRequest.give()
            connection.beSilent()
        }
        async let error = run(request(server.authority), over: transport)
        await hasRequest.wait()
        transport.shutdown()
        #expect(await error == .cancelled)
        #expect(await run(request(server.authority), over: transport) == .cancelled)
        transport.shutdown()
    }

    @Test func `settings print no proxy password`() {
        let settings = CurlSettings(proxy: "http://me:canary@proxy")
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!"\(settings) \(dumped) \(String(reflecting: settings))".contains("canary"))
    }
}
