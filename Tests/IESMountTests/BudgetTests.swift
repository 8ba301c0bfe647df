// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// What a mount asks of a service that throttles, or is away.
    @Suite struct Budgets {
        private static func results(_ count: Int) -> [SimulatedResult] {
            (1...count).map { SimulatedResult(TaskID(number: $0), content: .text("result")) }
        }

        /// Opens and reads each of `files` files with that many threads each, all at once, and prints what came of it.
        private static let readers = """
            import sys, os, threading, time, collections, errno
            threading.stack_size(256 << 10)
            directory, files, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
            outcomes, lock = collections.Counter(), threading.Lock()
            def read(number):
                try:
                    with open(f"{directory}/{number:032x}", "rb") as file: file.read()
                    word = "read"
                except OSError as error: word = errno.errorcode[error.errno]
                with lock: outcomes[word] += 1
            start = time.monotonic()
            threads = [threading.Thread(target=read, args=(1 + n % files,)) for n in range(files * each)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(f"{time.monotonic() - start:.2f}", *(f"{k}={v}" for k, v in sorted(outcomes.items())))
            """

        private static func read(
            _ mounted: SimulatedMount, files: Int, each: Int, within seconds: Int = 120
        ) async throws -> (seconds: Double, outcomes: String) {
            let result = try await shell(
                "exec python3 -c \(quoted(readers)) \(mounted.project) \(files) \(each)", within: seconds)
            let words = try #require(result.lines.first, "\(result.errors)").split(separator: " ", maxSplits: 1)
            return (try #require(Double(words[0])), String(words[1]))
        }

        @Test func `the rate is kept, and no read is late for it`() async throws {
            try await SimulatedMount.with(
                Self.results(30), options: ["rate=5", "timeout=2", "nolist"]
            ) { mounted in
                let (seconds, outcomes) = try await Self.read(mounted, files: 30, each: 1)
                #expect(outcomes == "read=30")
                // Ten at once, then five a second: four seconds, of which none counts as silence of the service.
                #expect(seconds >= 3.8)
                #expect(mounted.service.log.count(of: TaskID(number: 1)) == 1)
            }
        }

        @Test func `a service that throttles is left alone by the whole project`() async throws {
            try await SimulatedMount.with(Self.results(40), options: ["nolist"]) { mounted in
                mounted.service.inject(.throttled(status: 429, .seconds(2)), on: .result)
                let (seconds, outcomes) = try await Self.read(mounted, files: 1, each: 1)
                #expect(outcomes == "read=1")
                #expect(seconds >= 1.9)
                mounted.service.inject(.throttled(status: 429, .seconds(3600)), on: .result)
                let refused = try await mounted.cat(TaskID(number: 2))
                #expect(refused.errors.hasSuffix(": \(String(cString: strerror(EBUSY)))\n"), "\(refused.errors)")
                let after = mounted.service.log.count
                #expect(try await Self.read(mounted, files: 40, each: 1).outcomes == "EBUSY=39 read=1")
                #expect(mounted.service.log.count == after)
            }
        }

        /// Processor time of the worker so far, in seconds.
        private static func processorTime(_ mounted: SimulatedMount) async throws -> Double {
            let worker = try #require(try await mounted.mount.processes().last)
            let ticks = try await shell("awk '{ print $14 + $15 }' /proc/\(worker)/stat")
            return try #require(ticks.lines.first.flatMap { Double($0) }) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }

        @Test func `a thousand readers of a service that is away ask it one by one, and end in time`() async throws {
            try await SimulatedMount.with(
                Self.results(101), options: ["nolist", "timeout=10", "error_ttl=15"]
            ) { mounted in
                mounted.service.inject(.status(503), times: nil)
                let busy = try await Self.processorTime(mounted)
                let (seconds, outcomes) = try await Self.read(mounted, files: 100, each: 10)
                let used = try await Self.processorTime(mounted) - busy
                #expect(outcomes == "EREMOTEIO=1000")
                // The kernel looks a name up for one reader after the other; the failure is known to all but the first.
                #expect(seconds < 20)
                // What goes out before it is known, then a probe at least a quarter of a second after the last.
                let requests = mounted.service.log.count
                #expect(requests <= 100 + Int(seconds / 0.25) + 1)
                print("1,000 readers: \(requests) requests in \(seconds) s, \(used) s of processor time")
                mounted.service.clearFaults()
                // A name that nobody has asked for, so that no failure of it is remembered.
                let start = ContinuousClock.now
                let other = try await mounted.cat(TaskID(number: 101))
                #expect(other.text == "result", "\(other.errors)")
                #expect(ContinuousClock.now - start < .seconds(8))
            }
        }
    }
}
