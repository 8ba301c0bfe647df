// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import IESSimulator
import Synchronization
import Testing

/// Takes a response and steers it as told.
private final class Recorder: ResponseReceiver {
    struct State {
        var status: Int?
        var fields = HTTPFields()
        var bytes: [UInt8] = []
        var sizes: [Int] = []
        var transfer: (any Transfer)?
        var calls = 0
    }

    let state = Mutex(State())
    let decide: @Sendable (_ call: Int, _ transfer: any Transfer) -> Flow

    init(_ decide: @escaping @Sendable (Int, any Transfer) -> Flow = { _, _ in .proceed }) { self.decide = decide }

    func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow {
        state.withLock {
            $0.status = head.status.code
            $0.fields = head.headerFields
            $0.transfer = transfer
        }
        return next()
    }

    func receive(_ bytes: RawSpan) -> Flow {
        let flow = next()
        let taken = bytes.withUnsafeBytes { Array($0) }
        state.withLock {
            $0.sizes.append(taken.count)
            if case .proceed = flow { $0.bytes += taken }
        }
        return flow
    }

    private func next() -> Flow {
        let (call, transfer) = state.withLock { state in
            state.calls += 1
            return (state.calls, state.transfer)
        }
        guard let transfer else { return .proceed }
        return decide(call, transfer)
    }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var status: Int? { state.withLock { $0.status } }
}

@Suite(.timeLimit(.minutes(2))) struct SimulatorTransportTests {
    let task = TaskID("abc")
    let service = SimulatedService()

    private func request(stall: Duration = .seconds(10)) -> TransportRequest {
        var fields = HTTPFields()
        if let name = HTTPField.Name("X-Auth-Token") { fields[name] = SimulatedAccount.token }
        return TransportRequest(
            head: HTTPRequest(
                method: .get, scheme: "http", authority: "simulator",
                path: "/v2/\(ProjectID.simulated)/ies/result/abc", headerFields: fields),
            requiresHTTP1: true, connectTimeout: .seconds(1), stallTimeout: stall)
    }

    private func exchange(_ receiver: Recorder, stall: Duration = .seconds(10)) async -> TransportError? {
        do throws(TransportError) {
            try await SimulatorTransport(service: service).exchange(request(stall: stall), with: receiver)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a body comes whole, in pieces of at most 16 KiB, and is counted`() async {
        let content = SimulatedContent.generated(seed: 3, size: 1_000_003)
        service.add(SimulatedResult(task, content: content))
        let receiver = Recorder()
        await #expect(exchange(receiver) == nil)
        #expect(receiver.status == 200)
        #expect(receiver.bytes == content.bytes())
        #expect(receiver.state.withLock { $0.sizes.allSatisfy { (1...16_384).contains($0) } })
        #expect(service.log.bytesSent(of: task) == 1_000_003)
        #expect(service.log.entries.map(\.ending) == [.complete])
    }

    @Test func `a paused piece comes again, and a resume while pausing is not lost`() async {
        let content = SimulatedContent.generated(seed: 3, size: 200_000)
        service.add(SimulatedResult(task, content: content))
        let receiver = Recorder { call, transfer in
            guard call % 3 == 0 else { return .proceed }
            // Before the pause is returned, or a moment later from elsewhere.
            if call % 2 == 0 { transfer.resume() } else { Task { transfer.resume() } }
            return .pause
        }
        await #expect(exchange(receiver) == nil)
        #expect(receiver.bytes == content.bytes())
        #expect(service.log.bytesSent(of: task) == 200_000)
    }

    @Test func `the receiver, the transfer and the task can end it`() async {
        service.add(SimulatedResult(task, content: .generated(seed: 3, size: 1 << 40)))
        await #expect(exchange(Recorder { call, _ in call == 3 ? .stop : .proceed }) == .stopped)
        let stopping = Recorder { call, transfer in
            guard call == 3 else { return .proceed }
            Task { transfer.stop() }
            return .pause
        }
        await #expect(exchange(stopping) == .stopped)
        let paused = Recorder { _, _ in .pause }
        let running = Task { await exchange(paused) }
        try? await service.log.wait(for: .arrived(3))
        running.cancel()
        await #expect(running.value == .cancelled)
        #expect(service.log.entries.map(\.ending) == [.abandoned, .abandoned, .abandoned])
    }

    @Test(
        arguments: [
            ("fault=cut:4", .bodyCutShort(received: 4), "0123"),
            ("fault=length:11", .bodyCutShort(received: 10), "0123456789"),
            ("fault=length:9", nil, "012345678"),
            ("fault=no-length", nil, "0123456789"),
            ("fault=surplus:3", nil, "0123456789"),
            ("fault=chunked", nil, "0123456789"),
            ("fault=chunked:unfinished", .bodyCutShort(received: 10), "0123456789"),
            ("fault=stall:3", .timedOut(.body), "012"),
            ("fault=silence", .timedOut(.response), ""),
            ("fault=latency:1h", .timedOut(.response), ""),
            ("fault=flip:4", nil, "0123556789"),
            ("fault=length:99999999999999999999", nil, "0123456789"),
        ] as [(String, TransportError?, String)])
    func `faults are told as libcurl would`(order: String, error: TransportError?, body: String) async throws {
        service.add(SimulatedResult(task, content: .text("0123456789")))
        try service.injectFault(order)
        let receiver = Recorder()
        await #expect(exchange(receiver, stall: .milliseconds(50)) == error)
        #expect(String(decoding: receiver.bytes, as: UTF8.self) == body)
    }

    @Test(arguments: ["fault=reset", "fault=close", "fault=reset:4", "fault=head-cut:3"])
    func `a lost connection is a reset one`(order: String) async throws {
        service.add(SimulatedResult(task, content: .text("0123456789")))
        try service.injectFault(order)
        guard case .connectionReset = await exchange(Recorder()) else {
            Issue.record("\(order) is no reset")
            return
        }
    }

    @Test(arguments: [
        "fault=raw:x", "fault=length:-1", "fault=chunked:size", "fault=long-line:1M", "fault=large-head:1M",
    ])
    func `what is no HTTP is malformed`(order: String) async throws {
        service.add(SimulatedResult(task, content: .text("0123456789")))
        try service.injectFault(order)
        guard case .malformedResponse = await exchange(Recorder()) else {
            Issue.record("\(order) is not malformed")
            return
        }
    }

    @Test func `two lengths reach the receiver as two fields`() async throws {
        service.add(SimulatedResult(task, content: .text("0123456789")))
        try service.injectFault("fault=second-length:10")
        let receiver = Recorder()
        await #expect(exchange(receiver) == nil)
        let lengths = receiver.state.withLock { $0.fields.filter { $0.name == .contentLength }.map(\.value) }
        #expect(lengths == ["10", "10"])
    }

    @Test func `any transport error can be had`() async {
        service.add(SimulatedResult(task))
        service.inject(.transport(.nameNotResolved(host: "x")), for: task)
        await #expect(exchange(Recorder()) == .nameNotResolved(host: "x"))
        await #expect(exchange(Recorder()) == nil)
    }
}
