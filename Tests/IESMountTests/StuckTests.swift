// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import Testing

extension MountScenarios {
    /// A silent network: readers can leave, the deadline holds, and nobody else notices.
    @Suite struct Stuck {
        @Test(arguments: ["INT", "KILL", "TERM"], [false, true])
        func `a stuck cat is ended by a signal within a second`(signal: String, isKnown: Bool) async throws {
            let task = TaskID(number: 1)
            let result = SimulatedResult(task, content: .generated(seed: 1, size: 20 << 20))
            try await SimulatedMount.with([result], options: ["timeout=20"]) { mounted in
                if isKnown { try await shell("stat \(mounted.file(task))") }
                mounted.service.inject(.silence, for: task, times: nil)
                // A shell would start a background job with SIGINT ignored. A reader of a known file waits for a page,
                // one of an unknown file for the answer to its look-up.
                let start = try await shell(
                    """
                    exec python3 - <<'END'
                    import os, signal, subprocess, time
                    p = subprocess.Popen(["cat", "\(mounted.file(task))"], stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
                    def waits():
                        stack = open(f"/proc/{p.pid}/stack").read()
                        return "fuse" in stack or "folio_wait" in stack
                    while not waits(): time.sleep(0.02)
                    start = time.monotonic()
                    p.send_signal(signal.SIG\(signal))
                    p.wait()
                    print(int((time.monotonic() - start) * 1000), p.returncode)
                    END
                    """)
                let words = start.text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
                try #require(words.count == 2, "\(start.text)\(start.errors)")
                #expect(words[0] < 1000)
                #expect(words[1] < 0, "ended by the signal")
            }
        }

        @Test(arguments: [false, true])
        func `a stuck cat gets ETIMEDOUT once, at the deadline`(isKnown: Bool) async throws {
            let task = TaskID(number: 1)
            let result = SimulatedResult(task, content: .generated(seed: 1, size: 20 << 20))
            try await SimulatedMount.with([result], options: ["timeout=3"]) { mounted in
                if isKnown { try await shell("stat \(mounted.file(task))") }
                mounted.service.inject(.silence, for: task, times: nil)
                let start = ContinuousClock.now
                let stuck = try await shell(
                    "exec tail -c 100000 \(mounted.file(task))", environment: ["LC_ALL": "C"])
                let time = ContinuousClock.now - start
                #expect(!stuck.succeeded)
                #expect(stuck.errors.contains("Connection timed out") || stuck.errors.contains("Input/output error"))
                #expect(time > .milliseconds(2500) && time < .milliseconds(5500), "\(time)")
            }
        }

        @Test func `one connection of several that falls silent is not waited for`() async throws {
            let task = TaskID(number: 1)
            let content = SimulatedContent.generated(seed: 1, size: 96 << 20)
            // What a connection may be silent for is far more than the test may take.
            try await SimulatedMount.with([SimulatedResult(task, content: content)], options: ["timeout=600"]) {
                mounted in
                mounted.service.change { $0.bytesPerSecond = 4 << 20 }
                mounted.service.inject(.cutBody(at: 1 << 20, .silence), for: task, after: 4)
                let read = try await shell("cat \(mounted.file(task)) | sha256sum", within: 120)
                let silent = mounted.service.log.entries(of: task).filter {
                    $0.bodyBytes == 1 << 20 && $0.ending != .complete
                }
                #expect(silent.count == 1, "a connection fell silent in the middle of what it was to bring")
                #expect(read.lines == ["\(try #require(content.sha256()))  -"], "\(read.text)\(read.errors)")
            }
        }

        @Test func `with 500 readers stuck, everything else answers at once`() async throws {
            let held = TaskID(number: 1)
            let small = SimulatedResult(held, content: .generated(seed: 1, size: 4 << 20))
            let stuck = (0..<500).map {
                SimulatedResult(TaskID(number: 0x1000 + $0), content: .generated(seed: UInt64($0), size: 1 << 20))
            }
            try await SimulatedMount.with([small] + stuck, options: ["timeout=40"]) { mounted in
                try await shell("cat \(mounted.file(held)) >/dev/null; ls \(mounted.project) >/dev/null")
                for result in stuck { mounted.service.inject(.silence, for: result.task, times: nil) }
                let result = try await shell(
                    """
                    exec python3 - <<'END'
                    import os, subprocess, time, signal
                    project, held = "\(mounted.project)", "\(held)"
                    readers = [subprocess.Popen(["cat", f"{project}/{0x1000 + n:032x}"], stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL) for n in range(500)]
                    deadline = time.monotonic() + 20
                    while time.monotonic() < deadline:
                        if all("fuse" in open(f"/proc/{r.pid}/stack").read() for r in readers): break
                        time.sleep(0.1)
                    assert all(r.poll() is None for r in readers), "a reader is not stuck"
                    worst = {}
                    def timed(name, action):
                        start = time.monotonic(); action()
                        worst[name] = max(worst.get(name, 0), (time.monotonic() - start) * 1000)
                    for _ in range(5):
                        timed("ls", lambda: os.listdir(project))
                        timed("stat", lambda: os.stat(f"{project}/{held}"))
                        def read():
                            with open(f"{project}/{held}", "rb") as f:
                                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                                assert len(f.read()) == 4 << 20
                        timed("read", read)
                        timed("statfs", lambda: os.statvfs(project))
                    for r in readers: r.kill()
                    for r in readers: r.wait()
                    print(worst)
                    assert max(worst.values()) < 100, worst
                    END
                    """, within: 90)
                #expect(result.succeeded, "\(result.text)\(result.errors)")
            }
        }
    }
}
