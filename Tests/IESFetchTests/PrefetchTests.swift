// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESSimulator
import Synchronization
import Testing

@testable import IESFetch

/// Whole results, fetched before anybody reads them.
@Suite(.timeLimit(.minutes(3))) struct PrefetchTests {
    private static let content = SimulatedContent.generated(seed: 31, size: 20_000_001)

    @Test(arguments: [Behaviour.Ranges.honoured, .ignored])
    func `all of it is held and verified afterwards, and each byte was sent once`(
        ranges: Behaviour.Ranges
    ) async throws {
        let setup = try FetcherSetup()
        setup.service.change { $0.ranges = ranges }
        let id = setup.add(.sample, Self.content)
        let result = try await setup.fetcher.resolveWhole(id) { _ in }
        try await result.fetchWhole()
        #expect(result.state == .cached && result.file.isVerified)
        let calls = setup.service.log.count
        #expect(try await result.wholeInPieces() == Self.content.bytes())
        try await result.fetchWhole()
        #expect(setup.service.log.count == calls)
        let surplus = setup.service.log.bytesSent(of: .sample) - 20_000_001
        #expect(surplus >= 0 && surplus <= (ranges == .honoured ? 1 << 20 : 0))
    }

    @Test func `what is held already is not fetched again`() async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, Self.content)
        let result = try await setup.fetcher.resolve(id)
        _ = try await result.bytes(8_000_000..<9_000_000)
        let held = result.cachedBytes
        let sent = setup.service.log.bytesSent(of: .sample)
        try await result.fetchWhole()
        #expect(setup.service.log.bytesSent(of: .sample) - sent <= 20_000_001 - held + (1 << 20))
        #expect(try await result.wholeInPieces() == Self.content.bytes())
    }

    @Test func `a body without a length is waited for as long as it comes`() async throws {
        let setup = try FetcherSetup { $0.timeout = .milliseconds(300) }
        setup.service.change { ($0.ranges, $0.framing) = (.ignored, .chunked) }
        let id = setup.add(.sample, .generated(seed: 5, size: 600_000))
        setup.service.inject(.bytesPerSecond(400_000), for: .sample)
        let seen = Mutex<[Int64]>([])
        func resolve() async throws -> FetchedResult {
            while true {
                do throws(FetchError) {
                    return try await setup.fetcher.resolveWhole(id) { count in seen.withLock { $0.append(count) } }
                } catch {
                    // On a busy machine nothing may come for that long.
                    guard case .deadline(.some) = error else { throw error }
                }
            }
        }
        let result = try await resolve()
        try await result.fetchWhole()
        #expect(result.size == 600_000 && result.state == .cached)
        let counts = seen.withLock { $0 }
        #expect(!counts.isEmpty && counts == counts.sorted())
    }

    @Test func `cancelled, it ends at once, and so do the downloads that nobody else wants`() async throws {
        let setup = try FetcherSetup()
        let id = setup.add(.sample, .generated(seed: 6, size: 200 << 20))
        setup.service.inject(.bytesPerSecond(2_000_000), for: .sample, times: nil)
        let result = try await setup.fetcher.resolve(id)
        let fetching = Task { () -> FetchError? in
            do throws(FetchError) {
                try await result.fetchWhole()
                return nil
            } catch {
                return error
            }
        }
        try await setup.service.log.wait(for: .sent(1 << 20, task: .sample))
        fetching.cancel()
        #expect(await fetching.value == .cancelled)
        try await setup.service.log.wait(for: .open(0))
        #expect(setup.service.log.bytesSent(of: .sample) < 100 << 20)
        #expect(result.state == .partial)
    }

    @Test func `one that is cancelled does not end what a reader waits for`() async throws {
        let setup = try FetcherSetup()
        let content = SimulatedContent.generated(seed: 7, size: 6 << 20)
        let id = setup.add(.sample, content)
        setup.service.inject(.bytesPerSecond(4_000_000), for: .sample, times: nil)
        let result = try await setup.fetcher.resolve(id)
        let reading = Task { try await result.wholeInPieces() }
        let fetching = Task { try await result.fetchWhole() }
        try await setup.service.log.wait(for: .sent(1 << 20, task: .sample))
        fetching.cancel()
        #expect(try await reading.value == content.bytes())
    }

    @Test func `a result larger than the cache is refused before it is fetched`() async throws {
        let setup = try FetcherSetup(cacheLimit: 4 << 20)
        let id = setup.add(.sample, Self.content)
        let result = try await setup.fetcher.resolve(id)
        await #expect(throws: FetchError.tooLarge(size: 20_000_001, limit: 4 << 20)) {
            try await result.fetchWhole()
        }
        #expect(setup.service.log.bytesSent(of: .sample) <= 1 << 20)
    }

    @Test func `with as much pinned as may be, others are read past it, and the disk is not given up`() async throws {
        let setup = try FetcherSetup(cacheLimit: 8 << 20)
        let pinned = setup.add(.sample, .generated(seed: 8, size: 7 << 20))
        let result = try await setup.fetcher.resolve(pinned)
        #expect(try await setup.cache.pin(result.record) == .done)
        try await result.fetchWhole()
        #expect(setup.cache.usage().used == 7 << 20)
        let content = SimulatedContent.generated(seed: 9, size: 12_000_001)
        let other = setup.add(try #require(TaskID(rawValue: "other")), content)
        #expect(try await setup.fetcher.resolve(other).wholeInPieces() == content.bytes())
        #expect(result.state == .cached && setup.cache.usage().used <= 8 << 20)
        #expect(setup.cache.usage().disk == .normal)
    }
}
