// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// What one worker leaves to the next, and what becomes of a mount whose workers die too often.
    @Suite struct Succession {
        private static let task = TaskID(number: 0x51)
        private static let content = SimulatedContent.generated(seed: 51, size: 6 << 20)

        private func status(_ mounted: SimulatedMount) async throws -> [String: String] {
            let text = try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
            let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                return (String(line[..<colon]), String(line[colon...].dropFirst(2)))
            }
            return Dictionary(pairs) { $1 }
        }

        /// In Python: `end_worker(signal)` ends the worker and waits for the next one.
        private func prelude(_ mounted: SimulatedMount) async throws -> String {
            let holder = try #require(try await mounted.mount.processes().first)
            return """
                import errno, os, signal, subprocess, sys, time
                HOLDER = \(holder)
                STATUS = "\(mounted.mount.path(".iesfs/status"))"
                def worker():
                    words = open(f"/proc/{HOLDER}/task/{HOLDER}/children").read().split()
                    return int(words[0]) if words else None
                def end_worker(number=signal.SIGKILL, awaits=True):
                    old = worker()
                    os.kill(old, number)
                    deadline = time.monotonic() + 20
                    while worker() == old or (awaits and worker() is None):
                        assert time.monotonic() < deadline, "no worker follows"
                        time.sleep(0.005)
                def status(name):
                    with open(STATUS) as file:
                        lines = dict(line.rstrip("\\n").split(": ", 1) for line in file if ": " in line)
                    return lines.get(name)
                def eventually(condition):
                    deadline = time.monotonic() + 20
                    while not condition():
                        assert time.monotonic() < deadline
                        time.sleep(0.02)

                """
        }

        private func python(_ mounted: SimulatedMount, _ script: String) async throws -> ShellResult {
            try write((try await prelude(mounted) + script).utf8, to: mounted.workshop["script.py"])
            return try await shell("exec python3 \(mounted.workshop["script.py"])", within: 120)
        }

        @Test func `a file that is passed through stays so for those who open it after the worker died`() async throws {
            let results = [
                SimulatedResult(Self.task, content: Self.content),
                SimulatedResult(TaskID(number: 0x52), content: .generated(seed: 52, size: 3 << 20)),
            ]
            try await SimulatedMount.with(results) { mounted in
                let result = try await python(
                    mounted,
                    """
                    name = "\(mounted.file(Self.task))"
                    truth = open(name, "rb").read()
                    def state(): return os.getxattr(name, "user.ies.state").decode()
                    def passes():
                        with open(name, "rb"): return state() == "passthrough"
                    eventually(passes)
                    held = os.open(name, os.O_RDONLY)
                    for turn in range(3):
                        end_worker()
                        assert state() == "passthrough", state()
                        assert status("passthrough") == "on, 1 open", status("passthrough")
                        for _ in range(20):
                            new = os.open(name, os.O_RDONLY)
                            assert os.pread(new, 100_000, turn << 20) == truth[turn << 20:(turn << 20) + 100_000]
                            os.close(new)
                        assert os.pread(held, 1 << 20, 1 << 20) == truth[1 << 20:2 << 20]
                    # Held open in the other mode: opens that follow a death must not be passed through.
                    other = "\(mounted.file(TaskID(number: 0x52)))"
                    cached = os.open(other, os.O_RDONLY)
                    whole = os.pread(cached, 3 << 20, 0)
                    end_worker()
                    for _ in range(20):
                        assert open(other, "rb").read() == whole
                        time.sleep(0.05)
                    os.close(cached)
                    os.close(held)
                    eventually(lambda: status("passthrough") == "on, 0 open")
                    assert open(name, "rb").read() == truth
                    end_worker()
                    eventually(passes)
                    eventually(lambda: status("passthrough") == "on, 0 open")
                    """)
                #expect(result.succeeded, "\(result.errors)")
            }
        }

        @Test func `calls that wait when the worker dies are answered by the next one`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)], options: ["timeout=30"])
            {
                mounted in
                try await shell("stat \(mounted.file(Self.task))")
                mounted.service.inject(.silence, for: Self.task, times: nil)
                let waits = try await shell(
                    """
                    sha256sum \(mounted.file(Self.task)) >\(mounted.workshop["sum"]) 2>&1 &
                    sha256sum \(mounted.project)/\(TaskID(number: 0x99)) >\(mounted.workshop["absent"]) 2>&1 &
                    for pid in $(jobs -p); do until grep -q fuse /proc/$pid/stack; do sleep 0.02; done; done; jobs -p
                    """)
                #expect(waits.succeeded)
                let killed = try await python(mounted, "end_worker()\nend_worker()\n")
                #expect(killed.succeeded, "\(killed.errors)")
                mounted.service.clearFaults()
                let sum = try #require(Self.content.sha256())
                let isRead = try await eventually(within: 20) {
                    try await shell("cat \(mounted.workshop["sum"])").text.hasPrefix(sum)
                }
                let text = try await shell("cat \(mounted.workshop["sum"])").text
                #expect(isRead, "\(text)")
            }
        }

        @Test func `attributes that were told stay as they were, and a link and a refusal are known after a death`()
            async throws
        {
            let results = [
                SimulatedResult(Self.task, content: Self.content, filename: "report.xlsx"),
                SimulatedResult(TaskID(number: 0x53), state: .failed),
            ]
            try await SimulatedMount.with(results) { mounted in
                let result = try await python(
                    mounted,
                    """
                    project = "\(mounted.project)"
                    names = ["\(Self.task)", "\(TaskID(number: 0x53))", ".by-name", ".", ".."]
                    paths = [os.path.join(project, name) for name in names]
                    # By descriptors, so that no name is looked up again.
                    held = [os.open(path, os.O_PATH) for path in paths]
                    def told(file): return [getattr(os.fstat(file), f"st_{n}") for n in ("ino", "size", "mtime", "mode")]
                    before = [told(file) for file in held]
                    def refusal(): return os.getxattr(f"/proc/self/fd/{held[1]}", "user.ies.error_msg")
                    listing = os.open(project, os.O_RDONLY)
                    seen = sorted(os.listdir(listing))
                    links = [os.path.join(project, ".by-name", name) for name in os.listdir(paths[2])]
                    assert links
                    for turn in range(2):
                        end_worker()
                        assert [told(file) for file in held] == before, ([told(file) for file in held], before)
                        assert sorted(os.listdir(project)) == seen
                        assert all(os.path.exists(link) for link in links)
                        for file in held[:2]:
                            try: os.close(os.open(f"/proc/self/fd/{file}", os.O_RDONLY))
                            except OSError as error: assert file == held[1] and error.errno == errno.EREMOTEIO, error
                    for file in held: os.close(file)
                    """)
                #expect(result.succeeded, "\(result.errors)")
            }
        }

        @Test func `after five crashes within a minute requests fail for a moment, and what is open goes on after it`()
            async throws
        {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                let result = try await python(
                    mounted,
                    """
                    name = "\(mounted.file(Self.task))"
                    held = os.open(name, os.O_RDONLY)
                    closing = os.open(name, os.O_RDONLY)
                    start = os.pread(held, 100_000, 0)
                    for _ in range(4):
                        end_worker(signal.SIGSEGV)
                        eventually(lambda: status("version"))
                    end_worker(signal.SIGSEGV, awaits=False)
                    refused = False
                    while worker() is None:
                        try: os.stat(os.path.join("\(mounted.project)", "x" * 20))
                        except OSError as error: refused = refused or error.errno == errno.EIO
                        if closing is not None: os.close(closing)
                        closing = None
                    assert refused, "no request was refused"
                    assert os.pread(held, 100_000, 3 << 20) and os.pread(held, 100_000, 0) == start
                    assert status("worker deaths") == "5" and status("worker generation") == "6", status("worker deaths")
                    assert "signal 11" in status("last worker death"), status("last worker death")
                    # Each status is made before its own handle.
                    eventually(lambda: status("open handles") == "1")
                    """)
                #expect(result.succeeded, "\(result.errors)")
            }
        }

        /// Takes as long as a worker is given: some 40 seconds.
        @Test(.enabled(if: getenv("IES_LONG") != nil))
        func `a worker that is stopped is taken for hung, and replaced`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                let result = try await python(
                    mounted,
                    """
                    time.sleep(10)
                    os.kill(worker(), signal.SIGSTOP)
                    assert len(open("\(mounted.file(Self.task))", "rb").read()) == 6 << 20
                    assert status("worker generation") == "2"
                    assert "no sign of life" in status("last worker death"), status("last worker death")
                    """)
                #expect(result.succeeded, "\(result.errors)")
            }
        }

        @Test func `a new program that does not start leaves the mount with the one before`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                try await mounted.mount.unmount()
                let other = mounted.workshop["iesfs"]
                try await shell("cp \(quoted(program)) \(other)")
                let mount = "\(other) mount \(mounted.url) \(mounted.mount.point) -o cache_dir=\(mounted.mount.cache)"
                let environment = [
                    "IESFS_TOKEN": SimulatedAccount.token, "LD_LIBRARY_PATH": try await libraryPath(),
                ]
                let again = try await shell(mount, environment: environment)
                try #require(again.succeeded, "\(again.errors)")
                // Another file by the same name, as a package manager puts it there.
                try await shell(
                    """
                    printf '#!/bin/false\\n' >\(mounted.workshop["new"]); chmod 755 \(mounted.workshop["new"])
                    mv \(mounted.workshop["new"]) \(other)
                    """)
                let failed = try await shell("\(quoted(program)) upgrade \(mounted.mount.point)")
                #expect(failed.code == 1 && failed.errors.contains("The upgrade failed"), "\(failed.errors)")
                #expect(try await mounted.cat(Self.task).output.count == 6 << 20)
                #expect(try await status(mounted)["worker generation"] == "1")
                // One that works, then.
                try await shell(
                    "cp \(quoted(program)) \(mounted.workshop["new"]); mv \(mounted.workshop["new"]) \(other)")
                let upgraded = try await shell("\(quoted(program)) upgrade \(mounted.mount.point)")
                #expect(upgraded.succeeded, "\(upgraded.errors)")
                let now = try await status(mounted)
                #expect(now["worker generation"] == "2" && now["upgrades"] == "2, of which 1 failed", "\(now)")
                let file = try await shell("stat -Lc %i /proc/\(now["worker"] ?? "")/exe \(other)")
                #expect(Set(file.lines).count == 1, "it runs the new file: \(file.text)")
                // What is gone can still be started again, after a death.
                try await shell("rm \(other)")
                #expect(try await python(mounted, "end_worker()\nassert status('worker generation') == '3'").succeeded)
            }
        }

        @Test func `as an ordinary user and in the foreground a worker is followed too`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                try await mounted.mountAgain(StartingWay(user: "nobody", isInForeground: true))
                try write(
                    (try await prelude(mounted)
                        + """
                        held = open("\(mounted.file(Self.task))", "rb")
                        start = held.read(100_000)
                        end_worker()
                        end_worker()
                        assert len(start + held.read()) == 6 << 20
                        assert status("worker generation") == "3"
                        """).utf8, to: mounted.workshop["script.py"])
                let result = try await shell("exec python3 \(mounted.workshop["script.py"])", as: "nobody")
                #expect(result.succeeded, "\(result.errors)")
                let holder = try #require(try await mounted.mount.processes().first)
                try await shell("kill -TERM \(holder)")
                #expect(try await eventually { try await mounted.mount.processes().isEmpty })
                #expect(try await !shell("mountpoint -q \(mounted.mount.point)").succeeded)
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
            }
        }

        @Test
        func `systemd hears of readiness, of life and of the end from the holder, and the worker knows no socket`()
            async throws
        {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                try await mounted.mount.unmount()
                try write(
                    """
                    import os, signal, socket, subprocess, time
                    path = "\(mounted.workshop["notify"])"
                    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                    listener.bind(path)
                    listener.settimeout(20)
                    holder = subprocess.Popen(
                        ["\(program)", "mount", "--foreground", "\(mounted.url)", "\(mounted.mount.point)", "-o",
                         "cache_dir=\(mounted.mount.cache)"],
                        env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"},
                        stderr=subprocess.DEVNULL)
                    def hear(wanted):
                        while True:
                            lines = listener.recv(4096).decode().split("\\n")
                            if wanted in lines: return lines
                    lines = hear("READY=1")
                    assert f"MAINPID={holder.pid}" in lines, lines
                    def worker(): return open(f"/proc/{holder.pid}/task/{holder.pid}/children").read().split()
                    [first] = worker()
                    words = open(f"/proc/{first}/environ").read()
                    assert "NOTIFY_SOCKET" not in words and "WATCHDOG" not in words
                    os.kill(int(first), signal.SIGKILL)
                    while worker() in ([], [first]): time.sleep(0.01)
                    assert os.path.exists("\(mounted.file(Self.task))")
                    hear("WATCHDOG=1")
                    hear("WATCHDOG=1")
                    holder.send_signal(signal.SIGTERM)
                    hear("STOPPING=1")
                    assert holder.wait(20) == 0
                    """.utf8, to: mounted.workshop["script.py"])
                let result = try await shell(
                    "exec python3 \(mounted.workshop["script.py"])",
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                #expect(result.succeeded, "\(result.errors)")
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
            }
        }

        @Test func `the holder's death ends the worker, and the next mount takes the dead one away`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                let processes = try await mounted.mount.processes()
                try await shell("kill -9 \(processes[0])")
                #expect(try await eventually { try await mounted.mount.processes().isEmpty })
                #expect(try await shell("stat \(mounted.mount.point)").errors.contains("not connected"))
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                #expect(try await mounted.cat(Self.task).output.count == 6 << 20)
            }
        }

        /// uname(2) that says Linux 6.12.10, on which takeover is off.
        @Test(.enabled(if: access("/usr/bin/cc", X_OK) == 0))
        func `where the kernel is not safe for it, the mount is made again, in words`() async throws {
            try await SimulatedMount.with([SimulatedResult(Self.task, content: Self.content)]) { mounted in
                try await mounted.mount.unmount()
                try write(
                    """
                    #include <string.h>
                    #include <sys/utsname.h>
                    int uname(struct utsname *name) {
                        memset(name, 0, sizeof *name);
                        strcpy(name->sysname, "Linux");
                        strcpy(name->release, "6.12.10");
                        return 0;
                    }

                    """.utf8, to: mounted.workshop["old.c"])
                let library = mounted.workshop["old.so"]
                let compiled = try await shell("cc -shared -fPIC -o \(library) \(mounted.workshop["old.c"])")
                try #require(compiled.succeeded, "\(compiled.errors)")
                let log = mounted.workshop["log"]
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache, options: ["log=\(log)"],
                    environment: ["IESFS_TOKEN": SimulatedAccount.token, "LD_PRELOAD": library.string])
                let result = try await python(
                    mounted,
                    """
                    name = "\(mounted.file(Self.task))"
                    held = os.open(name, os.O_RDONLY)
                    end_worker()
                    eventually(lambda: os.path.exists(STATUS) and status("worker generation") == "2")
                    try: os.pread(held, 1, 5 << 20)
                    except OSError as error: assert error.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO), error
                    else: assert False, "the old mount answers"
                    try: os.close(held)
                    except OSError: pass
                    assert len(open(name, "rb").read()) == 6 << 20
                    """)
                #expect(result.succeeded, "\(result.errors)")
                let text = try await shell("cat \(log)").text
                #expect(text.contains("CVE-2026-64265") && text.contains("mounted again"), "\(text)")
            }
        }
    }
}
