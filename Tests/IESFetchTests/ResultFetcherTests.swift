// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESSimulator
import Testing

@testable import IESFetch

@Suite(.timeLimit(.minutes(2))) struct ResultFetcherTests {
    static let large = SimulatedContent.generated(seed: 11, size: 20_000_001)

    @Test(arguments: [Behaviour.Ranges.honoured, .ignored])
    func `many readers of one result get its bytes, which are sent once`(ranges: Behaviour.Ranges)
        async throws
    {
        let setup = try FetcherSetup()
        setup.service.change { $0.ranges = ranges }
        let id = setup.add(.sample, Self.large)
        let expected = try #require(Self.large.bytes())
        let right = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { try await setup.fetcher.resolve(id).wholeInPieces() == expected }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(right == 32)
        // Of a connection that lags at the end another takes over a part; what was under way of that counts as sent.
        let surplus = setup.service.log.bytesSent(of: .sample) - Int64(expected.count)
        #expect(surplus >= 0 && surplus <= (ranges == .honoured ? 1 << 20 : 0))
    }

    @Test func `a small result is complete with its probe`() async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, .text("hello"))
        let result = try await setup.fetcher.resolve(id)
        #expect(result.size == 5)
        #expect(try await result.bytes(0..<100) == Array("hello".utf8))
        #expect(setup.service.log.count == 1)
        #expect(result.state == .cached)
    }

    @Test func `an empty result is a result`() async throws {
        let setup = try FetcherSetup()
        for ranges in Behaviour.Ranges.allCases {
            setup.service.change { $0.ranges = ranges }
            let id = setup.add(try #require(TaskID(rawValue: "empty-\(ranges)")), .bytes([]))
            let result = try await setup.fetcher.resolve(id)
            #expect(result.size == 0 && result.state == .cached)
        }
    }

    @Test func `a service without ranges is not taken for one whose result has changed`() async throws {
        let first = try FetcherSetup { _ in
        } cache: {
            $0.blockSize = 64 << 10
        }
        first.service.change { $0.ranges = .ignored }
        let content = SimulatedContent.generated(seed: 5, size: 3 << 20)
        let id = first.add(.sample, content)
        first.service.inject(.cutBody(at: 1 << 20, .close), times: nil)
        let part = try await first.fetcher.resolve(id)
        #expect(try await part.bytes(0..<500_000) == content.bytes(in: 0..<500_000))
        await first.fetcher.shutdown()
        first.cache.close()
        first.service.clearFaults()
        // Nothing is known of the service any more: it is asked for the range that is missing, on a condition.
        let second = try FetcherSetup(after: first) { _ in
        } cache: {
            $0.blockSize = 64 << 10
        }
        let whole = try await second.fetcher.resolve(id)
        #expect(try await whole.wholeInPieces() == content.bytes())
        #expect(!whole.isChanged && whole.record.version == 0)
    }

    @Test func `a sequential reader of a gigabyte needs at most 24 requests while one connection keeps up`()
        async throws
    {
        // On a busy machine a second one could seem to be worth it.
        let setup = try FetcherSetup { $0.connectionsPerResult = 1 }
        let content = SimulatedContent.generated(seed: 3, size: 1 << 30)
        let id = setup.add(.sample, content)
        let result = try await setup.fetcher.resolve(id)
        let stream = result.makeStream()
        for offset in stride(from: 0, to: result.size, by: 1 << 20) {
            _ = try await result.bytes(offset..<min(result.size, offset + 1 << 20), for: stream)
        }
        stream.close()
        #expect(setup.service.log.count <= 24)
        #expect(setup.service.log.bytesSent(of: .sample) == 1 << 30)
    }

    @Test func `random reads fetch little more than they ask`() async throws {
        let setup = try FetcherSetup()
        let content = SimulatedContent.generated(seed: 4, size: 1 << 30)
        let result = try await setup.fetcher.resolve(setup.add(.sample, content))
        let stream = result.makeStream()
        for offset in [900 << 20, 17 << 20, 512 << 20, 1000 << 20, 300 << 20] as [Int64] {
            let range = offset..<offset + 4096
            #expect(try await result.bytes(range, for: stream) == content.bytes(in: range))
        }
        stream.close()
        #expect(setup.service.log.bytesSent(of: .sample) < 1 << 20)
    }

    @Test func `a body without a length is taken to its end before its size is told`() async throws {
        let setup = try FetcherSetup()
        setup.service.change { $0.framing = .chunked }
        let id = setup.add(.sample, Self.large)
        setup.service.change { $0.ranges = .ignored }
        let result = try await setup.fetcher.resolve(id)
        #expect(result.size == 20_000_001 && result.state == .cached)
        #expect(try await result.wholeInPieces() == Self.large.bytes())
        #expect(setup.service.log.count == 1)
    }

    @Test func `a body without a length that exceeds the cache is refused with both sizes`()
        async throws
    {
        let setup = try FetcherSetup(cacheLimit: 8 << 20)
        setup.service.change {
            $0.framing = .chunked
            $0.ranges = .ignored
        }
        let id = setup.add(.sample, Self.large)
        await #expect {
            _ = try await setup.fetcher.resolve(id)
        } throws: { error in
            if case .tooLarge(_, 8_388_608) = error as? FetchError { true } else { false }
        }
    }

    @Test(arguments: [0, 1, 70_000, 1_048_576, 9_999_999] as [Int64])
    func `a body that breaks is continued`(at offset: Int64) async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.large)
        let result = try await setup.fetcher.resolve(id)
        setup.service.inject(.cutBody(at: offset, .close), for: .sample, times: 3)
        #expect(try await result.wholeInPieces() == Self.large.bytes())
    }

    @Test func `a stream that breaks begins again and is compared`() async throws {
        let setup = try FetcherSetup()
        setup.service.change { $0.ranges = .ignored }
        let id = setup.add(.sample, Self.large)
        setup.service.inject(.cutBody(at: 7_000_000, .close), for: .sample, times: 2)
        let result = try await setup.fetcher.resolve(id)
        #expect(try await result.wholeInPieces() == Self.large.bytes())
    }

    @Test func `a body nobody reads yet is held, and goes on for the first reader`() async throws {
        let setup = try FetcherSetup { $0.hold = .seconds(60) }
        setup.service.change { $0.ranges = .ignored }
        let id = setup.add(.sample, Self.large)
        let result = try await setup.fetcher.resolve(id)
        try await setup.service.log.wait(for: .sent(1 << 20, task: .sample))
        while result.cachedBytes < 1 << 20 { await Task.yield() }
        for _ in 0..<1000 { await Task.yield() }
        #expect(result.cachedBytes < 2 << 20)
        #expect(try await result.wholeInPieces() == Self.large.bytes())
        #expect(setup.service.log.count == 1)
    }

    @Test func `a refusal is answered from memory within its time`() async throws {
        let setup = try FetcherSetup { $0.errorTTL = .seconds(3600) }
        let id = ResultID(project: setup.service.project, task: .sample)
        setup.service.add(SimulatedResult(.sample, state: .running))
        for _ in 0..<3 {
            await #expect(throws: FetchError.self) { _ = try await setup.fetcher.resolve(id) }
        }
        #expect(setup.service.log.count == 1)
    }

    @Test func `after its time a refused task is asked for again, and found finished`() async throws {
        let setup = try FetcherSetup { $0.errorTTL = .zero }
        let id = ResultID(project: setup.service.project, task: .sample)
        setup.service.add(SimulatedResult(.sample, content: .text("done"), state: .running))
        await #expect(throws: FetchError.self) { _ = try await setup.fetcher.resolve(id) }
        setup.service.finish(.sample)
        #expect(try await setup.fetcher.resolve(id).size == 4)
    }

    @Test func `silence ends every wait once, at the deadline`() async throws {
        let setup = try FetcherSetup {
            $0.timeout = .seconds(2)
            // Longer than this test may take, however busy the machine.
            $0.rangeFailureTTL = .seconds(600)
        }
        let id = setup.add(.sample, Self.large)
        let result = try await setup.fetcher.resolve(id)
        setup.service.inject(.silence, for: .sample, times: nil)
        let start = ContinuousClock.now
        await #expect(throws: FetchError.deadline(received: nil)) {
            _ = try await result.bytes(10 << 20..<10 << 20 + 4096)
        }
        #expect(ContinuousClock.now - start >= .seconds(2))
        // The kernel asks again for the page that failed: it must not wait a second time, and the service is not asked.
        let requests = setup.service.log.count
        await #expect(throws: FetchError.deadline(received: nil)) {
            _ = try await result.bytes(10 << 20..<10 << 20 + 4096)
        }
        #expect(setup.service.log.count == requests)
    }

    @Test func `a cancelled reader leaves at once, and its download ends after a moment`()
        async throws
    {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.large)
        let result = try await setup.fetcher.resolve(id)
        setup.service.inject(.silence, for: .sample, times: nil)
        let reader = Task { try await result.prepare(5 << 20..<6 << 20) }
        try await setup.service.log.wait(for: .open(1))
        reader.cancel()
        await #expect(throws: FetchError.cancelled) { try await reader.value }
        try await setup.service.log.wait(for: .open(0))
    }

    @Test
    func `a changed result keeps its bytes, refuses the rest, and is found anew under its name`()
        async throws
    {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.large)
        let old = try await setup.fetcher.resolve(id)
        let start = try await old.bytes(0..<100_000)
        let new = SimulatedContent.generated(seed: 99, size: 15_000_000)
        setup.service.replace(.sample, with: new)
        await #expect(throws: FetchError.changed) { _ = try await old.bytes(10 << 20..<11 << 20) }
        #expect(try await old.bytes(0..<100_000) == start)
        let fresh = try await setup.fetcher.resolve(id)
        #expect(fresh.record.version == 1 && fresh.size == 15_000_000)
        #expect(try await fresh.wholeInPieces() == new.bytes())
    }

    static let contradictions: [Fault] = [
        .contentRange("bytes 5-20/100"), .contentRangeChange(offset: 1, total: 0, unit: "bytes"),
        .status(204),
        .secondContentLength("3"), .noLength, .gzip,
    ]

    @Test(arguments: contradictions)
    func `an answer that cannot be right is an error, not a result`(fault: Fault) async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.large)
        setup.service.inject(fault, for: .sample, times: nil)
        await #expect(throws: FetchError.self) { _ = try await setup.fetcher.resolve(id) }
        #expect(try setup.cache.results(of: id.project.rawValue).isEmpty)
    }

    @Test func `shutting down answers every waiter`() async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.large)
        let result = try await setup.fetcher.resolve(id)
        setup.service.inject(.silence, times: nil)
        let other = setup.add(try #require(TaskID(rawValue: "other")), Self.large)
        let reader = Task { try await result.prepare(5 << 20..<6 << 20) }
        let prober = Task { _ = try await setup.fetcher.resolve(other) }
        try await setup.service.log.wait(for: .open(2))
        await setup.fetcher.shutdown()
        await #expect(throws: FetchError.cancelled) { try await reader.value }
        await #expect(throws: FetchError.cancelled) { try await prober.value }
    }
}
