// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import Synchronization
import Testing

@testable import IESTransport

@Suite(.timeLimit(.minutes(2))) struct SteeringTests {
    private static let silentAfterFive = { @Sendable (connection: ScriptedConnection) in
        guard connection.readRequest() != nil else { return }
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.beSilent()
    }

    @Test func `cancelling the task ends the exchange at once, whatever the network does`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let hasBytes = Signal()
        let collector = Collector(onBytes: { _, _ in
            hasBytes.give()
            return .proceed
        })
        let task = Task { await run(request(server.authority), into: collector) }
        await hasBytes.wait()
        let start = ContinuousClock.now
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(!collector.calledLate)
    }

    @Test func `a task cancelled before it asks gets no exchange`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await run(request(server.authority))
        }
        #expect(await task.value == .cancelled)
        #expect(server.connections == 0)
    }

    @Test func `a paused exchange can be cancelled`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let isPaused = Signal()
        let task = Task {
            await run(
                request(server.authority),
                into: Collector(onBytes: { _, _ in
                    isPaused.give()
                    return .pause
                }))
        }
        await isPaused.wait()
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test func `1000 exchanges cancelled while they begin all end`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let transport = makeTransport()
        defer { transport.shutdown() }
        await withTaskGroup(of: TransportError?.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let task = Task { await run(request(server.authority), over: transport) }
                    for _ in 0..<number % 7 { await Task.yield() }
                    task.cancel()
                    return await task.value
                }
            }
            for await error in group { #expect(error == .cancelled) }
        }
    }

    @Test func `a loop that is closed while messages wait for it ends all the same`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let multi = MultiHandle(idleConnections: 1)
        let inbox = Inbox(multi: multi)
        let hasEnded = Signal()
        let thread = TransportThread {
            EventLoop(multi: multi, inbox: inbox, settings: CurlSettings()).run()
            hasEnded.give()
        }
        let control = ExchangeControl(inbox: inbox)
        // On the loop's thread: it finds the end of its only exchange and the closing at once, with one wake-up.
        let collector = Collector(onBytes: { _, _ in
            inbox.post(.end(control))
            inbox.close()
            return .pause
        })
        _ = await withCheckedContinuation { continuation in
            let order = ExchangeOrder(
                request: request(server.authority), receiver: collector, control: control, start: .now,
                continuation: continuation)
            inbox.post(.begin(order))
        }
        await hasEnded.wait()
        thread.join()
    }

    @Test func `the receiver stops with the head, with bytes, and from another thread`() async {
        let server = ScriptedServer(Self.silentAfterFive)
        let withHead = Collector(onHead: { _, _ in .stop })
        #expect(await run(request(server.authority), into: withHead) == .stopped)
        #expect(withHead.calls == 0)
        let withBytes = Collector(onBytes: { _, _ in .stop })
        #expect(await run(request(server.authority), into: withBytes) == .stopped)
        #expect(withBytes.calls == 1)
        let elsewhere = Collector(onBytes: { _, transfer in
            onThread { transfer.stop() }
            return .proceed
        })
        #expect(await run(request(server.authority), into: elsewhere) == .stopped)
        #expect(elsewhere.text == "hello")
        #expect(!elsewhere.calledLate)
    }

    @Test func `what was paused is handed over again after the resume`() async {
        let server = ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let seen = Mutex([String]())
        let collector = Collector(onBytes: { bytes, transfer in
            let count = seen.withLock { seen in
                seen.append(bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                return seen.count
            }
            guard count < 3 else { return .proceed }
            onThread { transfer.resume() }
            return .pause
        })
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(seen.withLock { $0 } == ["hello", "hello", "hello"])
        #expect(collector.text == "hello")
    }

    @Test func `a resume within the call that pauses is not lost`() async {
        let server = ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let pauses = Mutex(0)
        let pausing = { @Sendable (transfer: any Transfer) -> Flow in
            transfer.resume()
            return pauses.withLock { pauses in
                pauses += 1
                return pauses < 100 ? .pause : .proceed
            }
        }
        let collector = Collector(
            onHead: { _, transfer in pausing(transfer) }, onBytes: { _, transfer in pausing(transfer) })
        #expect(await run(request(server.authority), into: collector) == nil)
        #expect(collector.text == "hello")
        #expect(pauses.withLock { $0 } == 100)
    }

    @Test func `a pause with the head holds back the body`() async {
        let transport = makeTransport()
        defer { transport.shutdown() }
        let server = ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let paused = Mutex<(any Transfer)?>(nil)
        let hasHead = Signal()
        let collector = Collector(onHead: { _, transfer in
            paused.withLock { $0 = transfer }
            hasHead.give()
            return .pause
        })
        let task = Task {
            defer { hasHead.give() }
            return await run(request(server.authority, stall: .milliseconds(500)), into: collector, over: transport)
        }
        await hasHead.wait()
        // Longer than the stall deadline, which rests.
        try? await Task.sleep(for: .milliseconds(1000))
        #expect(collector.calls == 0)
        paused.withLock { $0 }?.resume()
        #expect(await task.value == nil)
        #expect(collector.text == "hello")
    }

    /// Pauses at every third call or so; each resume comes from another thread, while the pause is being returned.
    @Test(arguments: [false, true])
    func `pauses and resumes that race lose no byte and double none`(isChunked: Bool) async {
        let body = pattern(1 << 20)
        let response =
            isChunked
            ? Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                + chunked(body, sizes: [5, 1000, 1, 40_000, 300, 16_384])
            : Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
        let server = ScriptedServer.sendingOnce(response)
        let (pauses, paused) = AsyncStream.makeStream(of: (any Transfer).self)
        let resuming = Task { for await transfer in pauses { transfer.resume() } }
        let random = Mutex(SystemRandomNumberGenerator())
        let collector = Collector(onBytes: { _, transfer in
            guard random.withLock({ $0.next() % 3 }) == 0 else { return .proceed }
            paused.yield(transfer)
            return .pause
        })
        #expect(await run(request(server.authority), into: collector) == nil)
        paused.finish()
        await resuming.value
        #expect(collector.bytes == body)
    }

    @Test func `resuming and stopping what has ended does nothing`() async {
        let transport = makeTransport()
        defer { transport.shutdown() }
        let server = ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let kept = Mutex<(any Transfer)?>(nil)
        let collector = Collector(onHead: { _, transfer in
            kept.withLock { $0 = transfer }
            return .proceed
        })
        #expect(await run(request(server.authority), into: collector, over: transport) == nil)
        kept.withLock { $0 }?.resume()
        kept.withLock { $0 }?.stop()
        #expect(await run(request(server.authority), over: transport) == nil)
        #expect(!collector.calledLate)
    }
}
