// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// Results that the kernel reads by itself.
    @Suite struct Passthroughs {
        private static let task = TaskID(number: 0x11)
        private static let content = SimulatedContent.generated(seed: 41, size: 24 << 20)

        private static var result: SimulatedResult { SimulatedResult(task, content: content) }

        /// What `user.ies.state` says of the file while it is open.
        private static func stateWhileOpen(_ mounted: SimulatedMount, _ task: TaskID = task) async throws -> String {
            let file = quoted(mounted.file(task))
            return try await shell("exec 3<\(file); getfattr --absolute-names -n user.ies.state --only-values \(file)")
                .text
        }

        /// Reads the file until a new open of it is passed through.
        private static func passesThrough(_ mounted: SimulatedMount, _ task: TaskID = task) async throws -> Bool {
            try await shell("cat \(mounted.file(task)) >/dev/null")
            return try await eventually(within: 60) { try await stateWhileOpen(mounted, task) == "passthrough" }
        }

        @Test func `a finished result is passed through, at once after a remount, and released again`() async throws {
            let sum = try #require(Self.content.sha256())
            try await SimulatedMount.with([Self.result]) { mounted in
                let file = mounted.file(Self.task)
                #expect(try await shell("sha256sum <\(file)").text.hasPrefix(sum))
                #expect(try await Self.passesThrough(mounted))
                #expect(try await shell("sha256sum <\(file)").text.hasPrefix(sum))
                let released = try await eventually {
                    try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
                        .contains("\npassthrough: on, 0 open\n")
                }
                #expect(released)
                try await mounted.mount.unmount()
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                let requests = mounted.service.log.count(of: Self.task)
                #expect(try await Self.stateWhileOpen(mounted) == "passthrough")
                #expect(try await shell("sha256sum <\(file)").text.hasPrefix(sum))
                #expect(mounted.service.log.count(of: Self.task) == requests)
            }
        }

        @Test func `with nopassthrough no file is, and the status says why`() async throws {
            let sum = try #require(Self.content.sha256())
            try await SimulatedMount.with([Self.result], options: ["nopassthrough"]) { mounted in
                for _ in 0..<2 {
                    #expect(try await shell("sha256sum <\(mounted.file(Self.task))").text.hasPrefix(sum))
                }
                #expect(try await Self.stateWhileOpen(mounted) == "cached")
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))").text
                #expect(status.contains("\npassthrough: off: nopassthrough"), "\(status)")
            }
        }

        @Test func `every way of reading a file gets the right bytes`() async throws {
            let sum = try #require(Self.content.sha256())
            try await SimulatedMount.with([Self.result]) { mounted in
                #expect(try await Self.passesThrough(mounted))
                let file = mounted.file(Self.task)
                let copy = mounted.workshop["copy"]
                let ways = [
                    "dd if=\(file) of=\(copy) bs=1M iflag=direct status=none",
                    "cp --reflink=never --sparse=never \(file) \(copy)",
                    """
                    python3 -c 'import mmap, sys
                    with open("\(file)", "rb") as f, open("\(copy)", "wb") as g:
                        g.write(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ))'
                    """,
                    """
                    python3 -c 'import os
                    f, g = os.open("\(file)", os.O_RDONLY), os.open("\(copy)", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    while os.sendfile(g, f, None, 1 << 20): pass'
                    """,
                    """
                    python3 -c 'import os
                    f, g = os.open("\(file)", os.O_RDONLY), os.open("\(copy)", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    try:
                        while os.copy_file_range(f, g, 1 << 20): pass
                    except OSError as e:
                        # Between file systems the kernel may refuse; then programs read.
                        assert e.errno == 18, e
                        os.lseek(f, 0, 0)
                        while os.sendfile(g, f, None, 1 << 20): pass'
                    """,
                    """
                    python3 -c 'import os
                    f, g = os.open("\(file)", os.O_RDONLY), os.open("\(copy)", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    r, w = os.pipe()
                    while n := os.splice(f, w, 1 << 16):
                        while n: n -= os.splice(r, g, n)'
                    """,
                ]
                for way in ways {
                    let done = try await shell("exec 3<\(file); rm -f \(copy)\n\(way)")
                    #expect(done.succeeded, "\(way): \(done.errors)")
                    #expect(try await shell("sha256sum <\(copy)").text.hasPrefix(sum), "\(way)")
                }
            }
        }

        /// The kernel refuses (EIO) two modes of one inode at a time.
        @Test func `a reader from before the download ended and those after it get the right bytes`() async throws {
            let sum = try #require(Self.content.sha256())
            try await SimulatedMount.with([Self.result]) { mounted in
                let file = mounted.file(Self.task)
                let held = try await shell(
                    """
                    exec 3<\(file); head -c 1000 <&3 >/dev/null
                    for i in 1 2 3; do cat \(file) | sha256sum; done
                    sleep 1; cat \(file) | sha256sum
                    getfattr --absolute-names -n user.ies.state --only-values \(file) >&2
                    cat \(file) | sha256sum
                    """)
                #expect(held.succeeded && held.errors == "cached", "\(held.errors)")
                #expect(held.lines.count == 5 && held.lines.allSatisfy { $0.hasPrefix(sum) }, "\(held.text)")
                // Once all of those have gone.
                #expect(try await Self.passesThrough(mounted))
            }
        }

        @Test func `many programs that open and close while downloads end see no error`() async throws {
            let tasks = (0..<6).map { TaskID(number: 0x20 + $0) }
            let content = SimulatedContent.generated(seed: 43, size: 3 << 20)
            let sum = try #require(content.sha256())
            try await SimulatedMount.with(tasks.map { SimulatedResult($0, content: content) }) { mounted in
                let result = try await shell(
                    """
                    exec python3 - <<'END'
                    import hashlib, os, random, sys
                    files = "\(tasks.map { mounted.file($0) }.joined(separator: " "))".split()
                    workers = []
                    for number in range(8):
                        pid = os.fork()
                        if pid:
                            workers.append(pid)
                            continue
                        random.seed(number)
                        held = []
                        try:
                            for turn in range(120):
                                path = random.choice(files)
                                f = os.open(path, os.O_RDONLY)
                                if random.random() < 0.3:
                                    whole = b"".join(iter(lambda: os.read(f, 1 << 20), b""))
                                    assert hashlib.sha256(whole).hexdigest() == "\(sum)", path
                                else:
                                    assert len(os.pread(f, 4096, random.randrange(2 << 20))) == 4096
                                held.append(f)
                                while len(held) > random.randrange(4): os.close(held.pop(random.randrange(len(held))))
                        except BaseException as e:
                            print(number, repr(e), file=sys.stderr, flush=True)
                            os._exit(1)
                        os._exit(0)
                    sys.exit(any([os.waitpid(pid, 0)[1] for pid in workers]))
                    END
                    """, within: 120)
                #expect(result.succeeded, "\(result.errors)")
                for task in tasks { #expect(try await Self.passesThrough(mounted, task)) }
            }
        }
    }
}
