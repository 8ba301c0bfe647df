// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// A result that changes on the server: two contents never meet in one inode.
    @Suite struct Changes {
        @Test(arguments: [false, true])
        func `old handles read old bytes or ESTALE, new opens only new bytes`(cachesPages: Bool) async throws {
            let task = TaskID(number: 7)
            let old = SimulatedContent.generated(seed: 1, size: 32 << 20)
            let new = SimulatedContent.generated(seed: 2, size: 24 << 20)
            try await SimulatedMount.with([SimulatedResult(task, content: old)], options: ["read_ahead=1M"]) {
                mounted in
                let originals = mounted.workshop.path
                try await shell("mkdir \(originals)/o")
                for (name, content) in [("old", old), ("new", new)] {
                    let bytes = try #require(content.bytes())
                    try write(bytes, to: mounted.workshop["o"].appending(name))
                }
                let ready = mounted.workshop["ready"], go = mounted.workshop["go"]
                async let reader = shell(
                    """
                    exec python3 - <<'END'
                    import errno, os, time
                    old = open("\(originals)/o/old", "rb").read()
                    f = os.open("\(mounted.file(task))", os.O_RDONLY)
                    inode = os.fstat(f).st_ino
                    assert os.pread(f, 4096, 0) == old[:4096]
                    if \(cachesPages ? "True" : "False"):
                        assert os.pread(f, 1 << 20, 4 << 20) == old[4 << 20:5 << 20]
                    open("\(ready)", "w").close()
                    while not os.path.exists("\(go)"): time.sleep(0.02)
                    stale = right = 0
                    for offset in list(range(0, 32 << 20, 1 << 20)):
                        try:
                            got = os.pread(f, 65536, offset)
                            # What is held may end within the range: then a read is short, and the next one fails.
                            assert got and old[offset:offset + 65536].startswith(got), f"wrong bytes at {offset}"
                            right += 1
                        except OSError as e:
                            assert e.errno in (errno.ESTALE, errno.EIO), e
                            stale += 1
                    assert os.fstat(f).st_ino == inode and os.fstat(f).st_size == len(old)
                    print(right, stale)
                    assert right >= 1 and stale >= 1
                    END
                    """, within: 120)
                #expect(try await eventually { try await shell("test -e \(ready)").succeeded })
                mounted.service.replace(task, with: new)
                try await shell("touch \(go)")
                let result = try await reader
                #expect(result.succeeded, "\(result.text)\(result.errors)")
                let fresh = try await eventually(within: 10) {
                    try await shell("cmp \(mounted.file(task)) \(originals)/o/new").succeeded
                }
                #expect(fresh)
                let size = try await shell("stat -c %s \(mounted.file(task))")
                #expect(size.text == "\(24 << 20)\n")
            }
        }

        @Test func `tar -S and du are right for a result that is not cached`() async throws {
            let task = TaskID(number: 8)
            let content = SimulatedContent.generated(seed: 3, size: 5_000_001)
            try await SimulatedMount.with([SimulatedResult(task, content: content)]) { mounted in
                let du = try await shell("du -k --apparent-size \(mounted.file(task)) && du -k \(mounted.file(task))")
                #expect(du.lines.map { $0.prefix { $0 != "\t" } } == ["4883", "4883"])
                let sum = try #require(content.sha256())
                let tar = try await shell("tar -S -cf - -C \(mounted.project) \(task) | tar xOf - | sha256sum")
                #expect(tar.text.hasPrefix(sum))
            }
        }
    }
}
