// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import IESCache
import IESService
import IESSimulator
import Synchronization
import Testing

@testable import IESFetch

/// Reading much more than the cache may hold. The long form, with `IES_LONG` set: 4 GiB under 64 MiB.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SmallCacheTests {
    static let isLong = getenv("IES_LONG") != nil
    static let limit: Int64 = isLong ? 64 << 20 : 16 << 20

    private final class Sampler: Sendable {
        let isDone = Atomic(false)
        let highest = Atomic<Int64>(0)
    }

    /// What everything in the cache directory takes on the disk, in bytes.
    private static func space(_ directory: String) -> Int64 {
        guard let names = FileManager.default.enumerator(atPath: directory) else { return 0 }
        var sum: Int64 = 0
        for case let name as String in names {
            var status = stat()
            if lstat("\(directory)/\(name)", &status) == 0 { sum += Int64(status.st_blocks) * 512 }
        }
        return sum
    }

    @Test(arguments: [Behaviour.Ranges.honoured, .ignored])
    func `eight readers of far more than fits get right bytes, and the limit holds at all times`(
        ranges: Behaviour.Ranges
    ) async throws {
        let setup = try FetcherSetup(cacheLimit: Self.limit)
        setup.service.change { $0.ranges = ranges }
        let small: Int64 = Self.isLong ? 256 << 20 : (ranges == .honoured ? 32 << 20 : 12 << 20)
        let sizes = [small * 8] + Array(repeating: small, count: 7)
        let contents = sizes.enumerated().map { SimulatedContent.generated(seed: UInt64($0.offset), size: $0.element) }
        let ids = try contents.enumerated().map { number, content in
            setup.add(try #require(TaskID(rawValue: "t\(number)")), content)
        }
        let sampler = Sampler()
        let sampling = Task.detached {
            while !sampler.isDone.load(ordering: .relaxed) {
                let space = Self.space(setup.directoryPath)
                if space > sampler.highest.load(ordering: .relaxed) { sampler.highest.store(space, ordering: .relaxed) }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (id, content) in zip(ids, contents) {
                group.addTask {
                    let result = try await setup.fetcher.resolve(id)
                    let stream = result.makeStream()
                    defer { stream.close() }
                    for offset in stride(from: 0, to: result.size, by: 128 << 10) {
                        let range = offset..<min(result.size, offset + 128 << 10)
                        let isRight = try await result.bytes(range, for: stream) == content.bytes(in: range)
                        #expect(isRight, "\(id.task) \(range)")
                    }
                }
            }
            try await group.waitForAll()
        }
        sampler.isDone.store(true, ordering: .relaxed)
        try await sampling.value
        // A block for each connection, and the index.
        #expect(sampler.highest.load(ordering: .relaxed) <= Self.limit + 16 << 20)
        let sent = ids.reduce(0) { $0 + setup.service.log.bytesSent(of: $1.task) }
        print(
            "\(ranges): \(sizes.reduce(0, +)) bytes read, \(sent) sent, at most \(sampler.highest.load(ordering: .relaxed)) on the disk"
        )
        #expect(setup.cache.usage().evicted > 0)
    }
}
