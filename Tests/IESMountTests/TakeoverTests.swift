// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// A worker dies, and another one goes on with the mount: nobody who reads sees it. The long form, with `IES_LONG` set,
    /// ends 100 workers where the short one ends 10.
    @Suite struct Takeover {
        private static let warm = TaskID(number: 0xaaaa)

        /// More than the cache may hold, so that something is cold at all times.
        private static let results: [SimulatedResult] = {
            var results = [result(warm, seed: 7, size: 4 << 20)]
            for number in 0..<40 { results.append(result(TaskID(number: 1 + number), seed: number, size: 3 << 20)) }
            for number in 0..<20 {
                results.append(result(TaskID(number: 0x100 + number), seed: 100 + number, size: 70_000 + number))
            }
            return results
        }()

        private static func result(_ task: TaskID, seed: Int, size: Int) -> SimulatedResult {
            SimulatedResult(task, content: .generated(seed: UInt64(seed), size: Int64(size)))
        }

        private static let options = ["cache_size=48M", "block_size=256K", "log_level=info"]

        private static func with(_ options: [String] = [], _ body: (SimulatedMount) async throws -> Void) async throws {
            var behaviour = Behaviour()
            behaviour.bytesPerSecond = 3_000_000
            behaviour.latency = .milliseconds(5)
            behaviour.pageSize = 100
            try await SimulatedMount.with(
                results, options: Self.options + options,
                behaviour: behaviour, body: body)
        }

        private func read(
            _ mounted: SimulatedMount, as user: String? = nil, times: Int, ways: String, seconds: Double = 0.5,
            seed: Int = 1
        ) async throws -> ShellResult {
            let reference = mounted.workshop["reference"]
            let scratch = mounted.workshop["scratch"]
            try await shell("mkdir \(reference) \(scratch) && chmod 777 \(scratch)")
            let names = Self.results.map { "\($0.task)" }.joined(separator: " ")
            mounted.service.behaviour.bytesPerSecond = nil
            let fetched = try await shell(
                """
                for name in \(names); do
                    curl -sf -H 'X-Auth-Token: \(SimulatedAccount.token)' -o \(reference)/$name \
                        \(mounted.url)/v2/\(mounted.service.project)/ies/result/$name || exit 1
                done
                """)
            try #require(fetched.succeeded, "\(fetched.errors)")
            mounted.service.behaviour.bytesPerSecond = 3_000_000
            let settled = try await eventually(within: 20) {
                let warm = mounted.file(Self.warm)
                return try await shell(
                    "cat \(warm) >/dev/null && getfattr --absolute-names -n user.ies.state --only-values \(warm)",
                    as: user
                ).text == "cached"
            }
            try #require(settled)
            let processes = try await mounted.mount.processes()
            let fixture = try #require(Bundle.module.path(forResource: "Fixtures/killed-readers", ofType: "py"))
            let script = mounted.workshop["readers.py"]
            try await shell("cp \(quoted(fixture)) \(script) && chmod 644 \(script)")
            return try await shell(
                """
                exec python3 \(script) \(mounted.project) \(reference) \(scratch) \(processes[0]) \(times) \(ways) \
                    \(seed) --warm \(Self.warm) --iesfs \(quoted(program)) --slow \(seconds)
                """, within: 280, as: user)
        }

        @Test(.timeLimit(.minutes(10)))
        func `while eight programs read, workers are killed, and no program sees an error or another byte`()
            async throws
        {
            try await Self.with { mounted in
                let result = try await read(mounted, times: isLongRun ? 100 : 10, ways: "KILL")
                #expect(result.succeeded, "\(result.errors)\(result.text)")
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
                #expect(status.contains("worker deaths: \(isLongRun ? 100 : 10)\n"), "\(status)")
                #expect(status.contains("it was killed by signal 9 (Killed)\n"), "\(status)")
            }
        }

        /// Besides, the service goes wrong now and then.
        @Test(.timeLimit(.minutes(10)), arguments: StartingWay.others)
        func `the same as another user, in the foreground, and with a service that fails`(
            way: StartingWay
        ) async throws {
            try await Self.with { mounted in
                try await mounted.mountAgain(way, options: Self.options)
                let faults: [Fault] = [
                    .status(503), .reset, .cutBody(at: 100_000, .reset), .close, .cutHead(at: 20, .close),
                    .latency(.seconds(1)), .throttled(status: 429, .seconds(1)), .cutBody(at: 1_000_000, .close),
                ]
                // More of them than there are requests, and not so close that one call meets more than it may.
                for number in 0..<500 {
                    mounted.service.inject(faults[number % faults.count], on: .result, after: 80 + 10 * number)
                }
                let result = try await read(mounted, as: way.user, times: isLongRun ? 50 : 4, ways: "KILL")
                #expect(result.succeeded, "\(result.errors)\(result.text)")
                #expect(mounted.service.faults.count < 500, "some have struck")
            }
        }

        @Test func `an upgrade while eight programs read disturbs none of them`() async throws {
            try await Self.with { mounted in
                let result = try await read(mounted, times: isLongRun ? 30 : 5, ways: "upgrade")
                #expect(result.succeeded, "\(result.errors)\(result.text)")
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
                #expect(status.contains("worker deaths: 0\n"), "\(status)")
                #expect(status.contains("last upgrade: succeeded\n"), "\(status)")
            }
        }

        /// Where memory cgroups can be made.
        private static let hasMemoryGroups =
            access("/sys/fs/cgroup/memory/memory.limit_in_bytes", W_OK) == 0
            || access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0

        @Test(.enabled(if: hasMemoryGroups))
        func `workers that the kernel ends because memory ran out are followed as well, and the status says so`()
            async throws
        {
            try await Self.with { mounted in
                let result = try await read(mounted, times: 3, ways: "memory")
                #expect(result.succeeded, "\(result.errors)\(result.text)")
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
                #expect(status.contains("because memory ran out\n"), "\(status)")
            }
        }

        @Test func `workers that crash are followed as well, and say where in the log`() async throws {
            let logs = try Workshop()
            try await Self.with(["log=\(logs["log"])"]) { mounted in
                let result = try await read(mounted, times: 4, ways: "SEGV,ABRT,BUS")
                #expect(result.succeeded, "\(result.errors)\(result.text)")
                let log = try await shell("cat \(logs["log"])").text
                #expect(log.contains("fuse_session_loop_mt"), "\(log)")
            }
            try await logs.remove()
        }
    }
}
