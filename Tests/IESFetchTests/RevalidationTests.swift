// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESSimulator
import Synchronization
import Testing

@testable import IESFetch

@Suite(.timeLimit(.minutes(2))) struct RevalidationTests {
    static let content = SimulatedContent.generated(seed: 21, size: 300_000)

    private func setup(_ age: Duration?) throws -> (FetcherSetup, ResultID) {
        let setup = try FetcherSetup { $0.revalidate = age }
        return (setup, setup.add(.sample, Self.content))
    }

    @Test func `without an age nobody is asked`() async throws {
        let (setup, id) = try setup(nil)
        let result = try await setup.fetcher.resolve(id)
        #expect(!setup.fetcher.mustRevalidate(result))
        await setup.fetcher.revalidate(id)
        #expect(setup.service.log.count == 1)
    }

    @Test func `an answer is good until it has that age`() async throws {
        let (setup, id) = try setup(.seconds(3600))
        let result = try await setup.fetcher.resolve(id)
        #expect(!setup.fetcher.mustRevalidate(result))
        await setup.fetcher.revalidate(id)
        #expect(setup.service.log.count == 1)
    }

    @Test(arguments: [true, false])
    func `an unchanged result stays what it is, whether or not the service knows conditions`(knows: Bool) async throws {
        let (setup, id) = try setup(.zero)
        setup.service.change { $0.honoursConditions = knows }
        let result = try await setup.fetcher.resolve(id)
        #expect(try await result.wholeInPieces() == Self.content.bytes())
        let requests = setup.service.log.count
        let bytes = setup.service.log.bytesSent(of: .sample)
        #expect(setup.fetcher.mustRevalidate(result))
        await setup.fetcher.revalidate(id)
        #expect(!result.isChanged)
        #expect(setup.service.log.count == requests + 1)
        #expect(setup.service.log.bytesSent(of: .sample) <= bytes + 1)
        #expect(try await setup.fetcher.resolve(id) === result)
    }

    @Test(arguments: [300_000, 299_999] as [Int64])
    func `a changed result becomes a new one, and the old one keeps its bytes`(size: Int64) async throws {
        let (setup, id) = try setup(.zero)
        let old = try await setup.fetcher.resolve(id)
        #expect(try await old.wholeInPieces() == Self.content.bytes())
        let new = SimulatedContent.generated(seed: 22, size: size)
        setup.service.replace(.sample, with: new)
        await setup.fetcher.revalidate(id)
        #expect(old.isChanged)
        #expect(try await old.bytes(0..<300_000) == Self.content.bytes())
        let fresh = try await setup.fetcher.resolve(id)
        #expect(fresh.record.version == 1)
        #expect(try await fresh.wholeInPieces() == new.bytes())
    }

    @Test(arguments: [Fault.status(503), .status(403), .status(404)])
    func `a service that refuses changes nothing, and is not asked again at once`(fault: Fault) async throws {
        let (setup, id) = try setup(.zero)
        let result = try await setup.fetcher.resolve(id)
        #expect(try await result.wholeInPieces() == Self.content.bytes())
        setup.service.inject(fault, for: .sample, times: nil)
        await setup.fetcher.revalidate(id)
        #expect(!result.isChanged && !setup.fetcher.mustRevalidate(result))
        #expect(try await setup.fetcher.resolve(id).bytes(0..<10) == Self.content.bytes(in: 0..<10))
    }

    @Test func `many opens at once ask once`() async throws {
        let (setup, id) = try setup(.seconds(3600))
        let result = try await setup.fetcher.resolve(id)
        result.freshness.withLock { $0.until = nil }
        let requests = setup.service.log.count
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { await setup.fetcher.revalidate(id) } }
        }
        #expect(setup.service.log.count == requests + 1)
    }
}
