// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESSimulator
import Testing

@testable import IESFetch

/// How many requests reading takes, and how many bytes.
@Suite(.timeLimit(.minutes(2))) struct RequestTests {
    static let gibibyte: Int64 = 1 << 30

    private func result(_ setup: FetcherSetup, size: Int64 = gibibyte) async throws -> FetchedResult {
        try await setup.fetcher.resolve(setup.add(.sample, .generated(seed: 4, size: size)))
    }

    @Test func `the first bytes of a result that nobody has seen are one request`() async throws {
        let setup = try FetcherSetup()
        let result = try await result(setup)
        let stream = result.makeStream()
        // What the kernel asks for when a program reads one byte.
        _ = try await result.bytes(0..<16384, for: stream)
        stream.close()
        #expect(setup.service.log.count == 1)
        #expect(setup.service.log.bytesSent(of: .sample) == 65536)
    }

    @Test(arguments: Behaviour.Ranges.allCases)
    func `a look at a result and its opening share one response`(ranges: Behaviour.Ranges) async throws {
        let setup = try FetcherSetup { $0.hold = .seconds(60) }
        setup.service.change { $0.ranges = ranges }
        let id = setup.add(.sample, .generated(seed: 4, size: 50_000))
        _ = try await setup.fetcher.resolve(id)
        let again = try await setup.fetcher.resolve(id)
        #expect(try await again.wholeInPieces() == SimulatedContent.generated(seed: 4, size: 50_000).bytes())
        #expect(setup.service.log.count == 1)
    }

    @Test func `the list of an archive's members takes four requests and 2 MiB at the most`() async throws {
        let setup = try FetcherSetup()
        let result = try await result(setup)
        let stream = result.makeStream()
        // As unzip reads: the end backwards in small pieces, the start, then the members in a row.
        for step in 1...9 as ClosedRange<Int64> {
            let start = result.size - step * 8192
            _ = try await result.bytes(start..<start + 8192, for: stream)
        }
        _ = try await result.bytes(0..<8192, for: stream)
        for start in stride(from: result.size - 400_000, to: result.size, by: 8192) {
            _ = try await result.bytes(start..<min(result.size, start + 8192), for: stream)
        }
        stream.close()
        #expect(setup.service.log.count <= 4)
        #expect(setup.service.log.bytesSent(of: .sample) <= 2 << 20)
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `random reads fetch hardly more than they read`(seed: UInt64) async throws {
        let setup = try FetcherSetup()
        let result = try await result(setup, size: 4 << 30)
        let stream = result.makeStream()
        var random = SplitMix(seed: seed)
        for _ in 0..<300 {
            let start = Int64(random.next() % UInt64(result.size - (8 << 20))) & ~4095
            _ = try await result.bytes(start..<start + 4096, for: stream)
        }
        stream.close()
        #expect(setup.service.log.bytesSent(of: .sample) < 65536 + 300 * 4096 * 5 / 4)
    }

    @Test(arguments: [1, 2, 4] as [Int64])
    func `sequential readers that share an open file need few requests`(readers: Int64) async throws {
        let setup = try FetcherSetup { $0.connectionsPerResult = 1 }
        let result = try await result(setup)
        let stream = result.makeStream()
        let part = Self.gibibyte / 4 / readers
        for offset in stride(from: 0, to: part, by: 1 << 20) {
            for reader in 0..<readers {
                let start = reader * (Self.gibibyte / readers) + offset
                _ = try await result.bytes(start..<start + 1 << 20, for: stream)
            }
        }
        stream.close()
        #expect(setup.service.log.count <= 18 * Int(readers))
    }

    @Test func `reading backwards needs few requests`() async throws {
        let setup = try FetcherSetup { $0.connectionsPerResult = 1 }
        let result = try await result(setup)
        let stream = result.makeStream()
        for start in stride(from: result.size - 1 << 20, through: result.size - 256 << 20, by: -(1 << 20)) {
            _ = try await result.bytes(start..<start + 1 << 20, for: stream)
        }
        stream.close()
        // 256 MiB in requests of 8 MiB, and a few before they are so large.
        #expect(setup.service.log.count <= 60)
    }

    @Test func `a stream that breaks again and again is taken from where it gets further`() async throws {
        let setup = try FetcherSetup()
        setup.service.change { $0.ranges = .ignored }
        let content = SimulatedContent.generated(seed: 7, size: 12_000_001)
        let id = setup.add(.sample, content)
        for offset in [2_000_000, 4_000_000, 6_000_000, 8_000_000, 10_000_000] as [Int64] {
            setup.service.inject(.cutBody(at: offset, .close), for: .sample, times: 1)
        }
        let result = try await setup.fetcher.resolve(id)
        #expect(try await result.wholeInPieces() == content.bytes())
    }
}
