// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import Synchronization
import Testing

/// How the bytes of a result reach their receiver: counted, held back, paused, stopped.
@Suite struct BodyDeliveryTests {
    private static let body = Array("0123456789".utf8)
    private static let json = ["Content-Type: application/json;charset=utf-8"]
    private static let chunkedJSON = ["Transfer-Encoding: chunked", "Content-Type: application/json"]
    private static let refusal = #"{"error_code": "MSS.000000003", "error_msg": "no"}"#

    @Test func `a body shorter than promised is noticed, whatever the transport says`() async throws {
        let short = ScriptedTransport.Response(
            status: 200, fields: ["Content-Length: 11"], pieces: [Self.body])
        for response in [short, short.cut(.bodyCutShort(received: 10))] {
            let bench = try Bench(ScriptedTransport(response))
            let receiver = RecordingReceiver()
            #expect(await bench.result(into: receiver) == .transport(.bodyCutShort(received: 10)))
            #expect(receiver.bytes == Self.body)
            #expect(bench.transport.requests.count == 1)
        }
    }

    @Test func `a chunked part shorter than its range is noticed`() async throws {
        let fields = ["Transfer-Encoding: chunked", "Content-Range: bytes 0-10/20"]
        let bench = try Bench(ScriptedTransport(.init(status: 206, fields: fields, pieces: [Self.body])))
        #expect(await bench.result(0..<11) == .transport(.bodyCutShort(received: 10)))
    }

    @Test func `a body longer than promised is not handed over`() async throws {
        let fields = ["Transfer-Encoding: chunked", "Content-Range: bytes 0-11/20"]
        let bench = try Bench(ScriptedTransport(.init(status: 206, fields: fields, pieces: [Self.body, Self.body])))
        let receiver = RecordingReceiver()
        guard case .malformed? = await bench.result(0..<12, into: receiver) else {
            Issue.record("it was taken")
            return
        }
        #expect(receiver.bytes == Self.body)
    }

    @Test func `a receiver that wants no more ends the call`() async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body, piece: 2)))
        for last in 0...3 {
            let receiver = RecordingReceiver { call, _ in call < last ? .proceed : .stop }
            #expect(await bench.result(into: receiver) == .transport(.stopped))
            #expect(receiver.bytes.count == max(0, 2 * (last - 1)))
        }
        let stopping = RecordingReceiver { call, transfer in
            if call == 2 { transfer.stop() }
            return .proceed
        }
        #expect(await bench.result(into: stopping) == .transport(.stopped))
    }

    @Test func `a pause lasts until it is taken back`() async throws {
        for response in [
            ScriptedTransport.Response.body(200, Self.body, piece: 3), .body(200, Self.body, Self.json),
            .init(status: 200, fields: Self.chunkedJSON, pieces: [Self.body]),
        ] {
            let bench = try Bench(ScriptedTransport(response))
            let receiver = RecordingReceiver { call, transfer in
                guard call % 2 == 0 else { return .proceed }
                // Taken back before it is returned, or soon after.
                if call % 4 == 0 { transfer.resume() } else { Task { transfer.resume() } }
                return .pause
            }
            #expect(await bench.result(into: receiver) == nil)
            #expect(receiver.bytes == Self.body)
        }
    }

    @Test(arguments: [[], ["Content-Type: text/html"], Self.json])
    func `a document with an error's members is a result unless it is JSON`(fields: [String]) async throws {
        let bench = try Bench(ScriptedTransport(.text(200, Self.refusal, fields)))
        let receiver = RecordingReceiver()
        let failure = await bench.result(into: receiver)
        if fields == Self.json {
            guard case .refused(let error)? = failure else {
                Issue.record("it was taken")
                return
            }
            #expect(error.status == 200 && error.code == "MSS.000000003" && error.message == "no")
            #expect(receiver.answers.isEmpty)
        } else {
            #expect(failure == nil)
            #expect(receiver.bytes == Array(Self.refusal.utf8))
        }
    }

    @Test(arguments: [0, 1, 16384, 65535, 65536, 65537, 65536 + 16384, 200_000], [true, false])
    func `a JSON result of any size arrives whole`(size: Int, isChunked: Bool) async throws {
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var response = ScriptedTransport.Response.body(200, body, Self.json)
        if isChunked { response.fields = Self.chunkedJSON }
        let bench = try Bench(ScriptedTransport(response))
        let receiver = RecordingReceiver { call, transfer in
            guard call % 3 != 2 else { return .proceed }
            transfer.resume()
            return .pause
        }
        #expect(await bench.result(into: receiver) == nil)
        #expect(receiver.bytes == body)
        #expect(receiver.answer?.kind == .whole(length: isChunked ? nil : Int64(size)))
        #expect(receiver.answers.count == 1)
        #expect(receiver.largestPiece <= 16384)
    }

    @Test func `a chunked refusal in JSON is a refusal`() async throws {
        let pieces = Self.refusal.utf8.map { [$0] }
        let bench = try Bench(ScriptedTransport(.init(status: 200, fields: Self.chunkedJSON, pieces: pieces)))
        guard case .refused? = await bench.result() else {
            Issue.record("it was taken")
            return
        }
    }

    @Test func `a held answer that is cut short is tried again`() async throws {
        let short = ScriptedTransport.Response(
            status: 200, fields: ["Content-Length: 11"] + Self.json, pieces: [Self.body])
        let bench = try Bench(ScriptedTransport(short, .body(200, Self.body, Self.json)))
        let receiver = RecordingReceiver()
        #expect(await bench.result(into: receiver) == nil)
        #expect(receiver.bytes == Self.body)
        #expect(bench.transport.requests.count == 2)
    }

    @Test func `a held answer can be stopped`() async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body, Self.json)))
        for last in 0...1 {
            let receiver = RecordingReceiver { call, _ in call < last ? .proceed : .stop }
            #expect(await bench.result(into: receiver) == .transport(.stopped))
        }
        let stopping = RecordingReceiver { _, transfer in
            transfer.stop()
            return .pause
        }
        #expect(await bench.result(into: stopping) == .transport(.stopped))
    }

    @Test(arguments: [[], Self.json])
    func `a paused call can be cancelled`(fields: [String]) async throws {
        let bench = try Bench(ScriptedTransport(.body(200, Self.body, fields)))
        let (paused, isPaused) = AsyncStream.makeStream(of: Void.self)
        let receiver = RecordingReceiver { _, _ in
            isPaused.yield()
            return .pause
        }
        let call = Task { await bench.result(into: receiver) }
        for await _ in paused { break }
        call.cancel()
        #expect(await call.value == .transport(.cancelled))
    }
}
