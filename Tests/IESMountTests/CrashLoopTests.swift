// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// The daemon dies with SIGKILL while it downloads, over and over, with one cache.
    @Suite struct CrashLoop {
        private static let size: Int64 = 16 << 20
        private static let options = ["block_size=256K", "timeout=20s"]
        private static let environment = ["IESFS_TOKEN": SimulatedAccount.token]

        private struct Loop {
            let mounted: SimulatedMount
            /// Of all that the rounds read for the first time.
            var sent: Int64 = 0
            var kept: Int64 = 0

            var service: SimulatedService { mounted.service }

            /// Three results nobody has read yet.
            func addResults(_ round: Int) -> [SimulatedResult] {
                (0..<3).map { number in
                    let seed = round * 3 + number
                    let result = SimulatedResult(
                        TaskID(number: seed + 1), content: .generated(seed: UInt64(seed), size: CrashLoop.size))
                    service.add(result)
                    return result
                }
            }

            /// Reads the results until so many bytes were sent of them, kills everything, and mounts again, over the
            /// dead mount.
            func crash(_ results: [SimulatedResult], after count: Int64) async throws {
                let files = results.map { quoted(mounted.file($0.task)) }
                async let readers = shell(
                    "for file in \(files.joined(separator: " ")); do cat $file >/dev/null 2>&1 & done; wait", within: 60
                )
                _ = await eventually(within: 60) { sent(of: results) >= count }
                let processes = try await mounted.mount.processes().map(String.init)
                try #require(processes.count == 2)
                try await shell("kill -9 \(processes.joined(separator: " "))")
                _ = try await readers
                let gone = try await eventually { try await mounted.mount.processes().isEmpty }
                try #require(gone)
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache, options: CrashLoop.options,
                    environment: CrashLoop.environment)
            }

            func sent(of results: [SimulatedResult]) -> Int64 {
                results.reduce(0) { $0 + service.log.bytesSent(of: $1.task) }
            }

            /// What the cache says it has of them.
            func held(of results: [SimulatedResult]) async throws -> Int64 {
                var sum: Int64 = 0
                for result in results {
                    let path = mounted.file(result.task)
                    sum += try await mounted.attribute("cached_bytes", of: path).flatMap { Int64($0) } ?? 0
                }
                return sum
            }

            func check(_ results: [SimulatedResult]) async throws {
                for result in results {
                    let read = try await shell("exec sha256sum <\(quoted(mounted.file(result.task)))")
                    #expect(read.lines == ["\(try #require(result.content.sha256()))  -"], "\(read.errors)")
                }
            }

            mutating func round(_ number: Int, killedAfter count: Int64) async throws {
                let results = addResults(number)
                service.change { $0.bytesPerSecond = 2 << 20 }
                try await crash(results, after: count)
                service.change { $0.bytesPerSecond = nil }
                // What is still on its way to the dead is sent in vain.
                _ = await eventually { service.log.openCount == 0 }
                let before = sent(of: results)
                let held = try await held(of: results)
                try await check(results)
                let fetched = sent(of: results) - before
                let missing = Int64(results.count) * CrashLoop.size - held
                // A probe for each of which nothing was known, and what a re-cut range may bring twice.
                #expect(fetched <= missing + 3 << 20, "\(held) bytes were held, and \(fetched) fetched")
                sent += before
                kept += held
            }
        }

        @Test func `killed at any moment, it leaves right bytes, and what was indexed is not fetched again`()
            async throws
        {
            let rounds = isLongRun ? 200 : 6
            var random = SystemRandomNumberGenerator()
            try await SimulatedMount.with([], options: Self.options) { mounted in
                var loop = Loop(mounted: mounted)
                for round in 0..<rounds {
                    try await loop.round(round, killedAfter: .random(in: 0..<3 * Self.size, using: &random))
                }
                // The index is written five times a second, and blocks under way are lost.
                #expect(
                    loop.kept * 4 >= loop.sent, "of \(loop.sent) bytes sent before the kills, \(loop.kept) were kept")
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))")
                #expect(status.text.contains("cache blocks damaged: 0"), "\(status.text)")
            }
        }
    }
}
