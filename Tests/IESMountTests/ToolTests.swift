// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService
import IESSimulator
import SystemPackage
import Testing

extension SimulatedMount {
    /// Runs `iesfs` with these words, as a person types them.
    func tool(_ arguments: String, within seconds: Int = 60) async throws -> ShellResult {
        try await shell("exec \(quoted(program)) \(arguments)", within: seconds)
    }

    /// The space that the cache's data takes on the disk, in bytes.
    func space() async throws -> Int {
        let sum = try await shell("du -s -B1 \(mount.cache)/data | cut -f1")
        return Int(sum.lines.first ?? "") ?? -1
    }
}

extension MountScenarios {
    /// `iesfs prefetch`, `evict` and `cache`, beside a mount and without one.
    @Suite struct Tools {
        private static let contents = (1...3).map { SimulatedContent.generated(seed: UInt64($0), size: 5_000_001) }
        private static let results = (1...3).map { SimulatedResult(TaskID(number: $0), content: contents[$0 - 1]) }
        private static let refused = SimulatedResult(
            TaskID(number: 9), state: .refused(Refusal(status: 400, code: "MSS.000000003", message: "参数错误")))

        @Test func `a project is fetched whole, and its results are read without asking again`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                let fetched = try await mounted.tool("prefetch \(mounted.project)")
                #expect(fetched.code == 0 && fetched.errors.isEmpty, "\(fetched.errors)")
                #expect(fetched.lines.count == 4 && fetched.lines[3] == "3 results in the cache, 14 MiB fetched")
                #expect(
                    fetched.text.contains("\(mounted.file(TaskID(number: 2))): 4.8 MiB, 4.8 MiB of it fetched now\n"))
                let calls = mounted.service.log.count
                for number in 1...3 {
                    let sum = try await shell("sha256sum <\(mounted.file(TaskID(number: number)))").text
                    #expect(sum.hasPrefix(try #require(Self.contents[number - 1].sha256())))
                }
                #expect(mounted.service.log.count == calls)
                let again = try await mounted.tool("prefetch --quiet \(mounted.project)")
                #expect(again.code == 0 && again.text == "3 results in the cache, 0 B fetched\n", "\(again.text)")
            }
        }

        @Test func `what fails is told with errno and the service's words, and the rest is fetched`() async throws {
            try await SimulatedMount.with(Self.results + [Self.refused]) { mounted in
                let fetched = try await mounted.tool(
                    "prefetch --jobs 2 '\(mounted.project)/*[29]' \(mounted.project)/no/such")
                #expect(fetched.code == 1)
                #expect(fetched.lines.last == "1 result in the cache, 4.8 MiB fetched, 2 failed", "\(fetched.text)")
                #expect(fetched.errors.contains("iesfs: \(mounted.file(TaskID(number: 9))): EINVAL: 参数错误\n"))
                #expect(fetched.errors.contains("/no/such: ENOTDIR: "), "\(fetched.errors)")
                #expect(mounted.service.log.count(of: TaskID(number: 1)) == 0)
                let json = try await mounted.tool("prefetch --json \(mounted.project)")
                #expect(json.code == 1)
                let objects = try json.lines.map { line in
                    try JSONDecoder().decode([String: [String: Text]].self, from: Data(line.utf8))
                }
                #expect(objects.count == 5 && objects[4]["summary"]?["failed"] == Text("1"))
                #expect(
                    objects.contains {
                        $0["item"]?["errno"] == Text("EINVAL") && $0["item"]?["message"] == Text("参数错误")
                    })
                let wrong = try await mounted.tool("prefetch \(mounted.workshop.path)")
                #expect(wrong.code == 64 && wrong.errors.contains("not under a mount"), "\(wrong.errors)")
            }
        }

        /// A number or a text of JSON.
        private struct Text: Decodable, Equatable {
            let value: String

            init(_ value: String) { self.value = value }

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                value = try (try? container.decode(String.self)) ?? String(container.decode(Int64.self))
            }
        }

        @Test func `on a terminal there is a bar with part, rate and time left`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                mounted.service.inject(.bytesPerSecond(2_000_000), for: TaskID(number: 1), times: nil)
                let command = "\(program) prefetch \(mounted.project)"
                let shown = try await shell("script -qec \(quoted("stty cols 100; \(command)")) /dev/null")
                #expect(shown.code == 0)
                #expect(shown.text.contains("\r[#"), "\(shown.text)")
                #expect(shown.text.contains(" of 3  ") && shown.text.contains("/s  ETA "), "\(shown.text)")
                #expect(shown.text.contains("3 results in the cache, 14 MiB fetched"))
            }
        }

        @Test func `Ctrl-C ends it with 130, and the downloads with it`() async throws {
            let large = SimulatedResult(TaskID(number: 1), content: .generated(seed: 1, size: 400 << 20))
            try await SimulatedMount.with([large]) { mounted in
                mounted.service.inject(.bytesPerSecond(4_000_000), for: large.task, times: nil)
                async let fetching = mounted.tool("prefetch \(mounted.project)")
                try await mounted.service.log.wait(for: .sent(4 << 20, task: large.task))
                let found = try await shell("pgrep -f -- '^[^ ]*[i]esfs prefetch '\(quoted(mounted.project))")
                for process in found.lines { try await shell("kill -INT \(process)") }
                let ended = try await fetching
                #expect(ended.code == 130)
                #expect(ended.errors.contains("interrupted, with 0 of 1 results in the cache"), "\(ended.errors)")
                try await mounted.service.log.wait(for: .open(0))
                let sent = mounted.service.log.bytesSent(of: large.task)
                #expect(sent < 300 << 20)
                // The mount goes on as before, from what is there.
                mounted.service.clearFaults()
                let sum = try await shell("sha256sum <\(mounted.file(large.task))", within: 120).text
                #expect(sum.hasPrefix(try #require(large.content.sha256())))
            }
        }

        @Test func `pinned results stay while others come and go, and no more can be pinned than fits`() async throws {
            let results = (1...4).map {
                SimulatedResult(TaskID(number: $0), content: .generated(seed: UInt64($0), size: 20 << 20))
            }
            try await SimulatedMount.with(results, options: ["cache_size=69M"]) { mounted in
                let pinned = try await mounted.tool("prefetch --pin \(mounted.file(results[0].task))")
                #expect(pinned.code == 0, "\(pinned.errors)")
                for result in results[1...] { #expect(try await mounted.cat(result.task).output.count == 20 << 20) }
                #expect(try await mounted.attribute("state", of: mounted.file(results[0].task)) != "partial")
                #expect(try await mounted.attribute("cached_bytes", of: mounted.file(results[0].task)) == "\(20 << 20)")
                let status = try await mounted.tool("status \(mounted.mount.point)").text
                #expect(status.contains("\ncache pinned: \(20 << 20) bytes\ncache pinned results: 1\n"), "\(status)")

                let refused = try await mounted.tool("evict \(mounted.file(results[0].task))")
                #expect(refused.code == 1 && refused.errors.contains("EPERM: It is pinned"), "\(refused.errors)")
                let tooMuch = try await mounted.tool("prefetch --pin --jobs 1 \(mounted.project)")
                #expect(tooMuch.code == 1 && tooMuch.errors.contains("cannot be pinned"), "\(tooMuch.errors)")
                #expect(tooMuch.lines.last?.hasPrefix("3 results in the cache") == true, "\(tooMuch.text)")

                try await mounted.mount.unmount()
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache, options: ["cache_size=69M"],
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                let info = try await mounted.tool("cache info \(mounted.mount.point)").text
                #expect(info.contains("pinned: \(60 << 20) bytes"), "\(info)")
                let freed = try await mounted.tool("evict --unpin '\(mounted.project)/*[1-3]'")
                #expect(freed.code == 0 && freed.lines.last == "\(60 << 20) bytes freed, of 3 results", "\(freed.text)")
            }
        }

        @Test func `a result that has changed is fetched as it is now, and its pin goes with it`() async throws {
            let task = TaskID(number: 1)
            for options in [["revalidate=0s"], []] {
                try await SimulatedMount.with([Self.results[0]], options: options) { mounted in
                    // Where nothing is asked again, the change shows when the rest is fetched.
                    let first =
                        options.isEmpty
                        ? try await shell("head -c 100 \(mounted.file(task))")
                        : try await mounted.tool("prefetch --pin \(mounted.file(task))")
                    #expect(first.succeeded, "\(first.errors)")
                    let new = SimulatedContent.generated(seed: 77, size: 6_000_001)
                    mounted.service.replace(task, with: new)
                    let fetched = try await mounted.tool("prefetch --pin \(mounted.file(task))")
                    #expect(fetched.code == 0, "\(fetched.errors)")
                    let sum = try await shell("sha256sum <\(mounted.file(task))").text
                    #expect(sum.hasPrefix(try #require(new.sha256())))
                    let status = try await mounted.tool("status \(mounted.mount.point)").text
                    #expect(status.contains("\ncache pinned: 6000640 bytes\ncache pinned results: 1\n"), "\(status)")
                }
            }
        }

        @Test func `evict gives the space back, but not of what the kernel reads by itself`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                #expect(try await mounted.tool("prefetch \(mounted.project)").code == 0)
                let file = mounted.file(TaskID(number: 1))
                let before = try await mounted.space()
                let trial = try await mounted.tool("evict --dry-run \(file)")
                #expect(trial.lines.last == "5001216 bytes would be freed, of 1 result", "\(trial.text)")
                #expect(try await mounted.space() == before)
                let passed = try await eventually(within: 60) {
                    try await shell("exec 3<\(file); getfattr --absolute-names -n user.ies.state --only-values \(file)")
                        .text == "passthrough"
                }
                try #require(passed)
                let open = try await shell("exec 3<\(file); \(program) evict \(file); echo $?; cat <&3 | wc -c")
                #expect(open.errors.contains("EBUSY: It is open"), "\(open.errors)")
                #expect(open.lines.suffix(2) == ["1", "5000001"])
                let freed = try await mounted.tool("evict \(file)")
                #expect(freed.code == 0 && freed.text.hasPrefix("\(file): 5001216 bytes freed\n"), "\(freed.text)")
                #expect(try await mounted.space() <= before - 5_001_216 + 4_096)
                #expect(try await mounted.attribute("state", of: file) == "remote")
                let sum = try await shell("sha256sum <\(file)").text
                #expect(sum.hasPrefix(try #require(Self.contents[0].sha256())))
                let unknown = try await mounted.tool("evict '\(mounted.project)/zzz*'")
                #expect(unknown.code == 1 && unknown.errors.contains("ENOENT"), "\(unknown.errors)")
            }
        }

        @Test func `the cache is shown, verified and cleared beside a mount and without one`() async throws {
            try await SimulatedMount.with(Self.results, options: ["nopassthrough"], unmountsItself: true) { mounted in
                #expect(try await mounted.tool("prefetch \(mounted.project)").code == 0)
                for ways in [
                    ["\(mounted.mount.point)", "--cache-dir \(mounted.mount.cache)"],
                    ["--cache-dir \(mounted.mount.cache)"],
                ] {
                    if ways.count == 1 {
                        #expect(try await mounted.tool("prefetch \(mounted.project)").code == 0)
                        try await mounted.mount.unmount()
                    }
                    for way in ways {
                        let info = try await mounted.tool("cache info \(way)")
                        #expect(info.code == 0, "\(info.errors)")
                        #expect(info.text.hasPrefix("directory: \(mounted.mount.cache)\nlimit: "), "\(info.text)")
                        #expect(info.text.contains("\nused: 15003648 bytes (14 MiB)\n"), "\(info.text)")
                        #expect(info.text.contains("\nresults: 3, of which 3 complete and 0 pinned\n"), "\(info.text)")
                        #expect(info.text.contains("\nformat: iesfs cache, format 1\nhealth: disk normal, "))
                        let right = try await mounted.tool("cache verify \(way)")
                        #expect(right.code == 0 && right.text == "3 results, 14 MiB read: all right\n", "\(right.text)")
                    }
                    try await Self.damage(mounted)
                    let wrong = try await mounted.tool("cache verify \(ways[0])")
                    #expect(
                        wrong.code == 1 && wrong.text.hasSuffix(" read: 1 block wrong and dropped\n"), "\(wrong.text)")
                    #expect(wrong.errors.contains("EIO: One block was damaged and dropped"), "\(wrong.errors)")
                    #expect(try await mounted.tool("cache verify \(ways[0])").code == 0)
                    let json = try await mounted.tool("cache info --json \(ways[0])")
                    #expect(json.text.contains("\"used\":13955072"), "\(json.text)")
                    let cleared = try await mounted.tool("cache clear \(ways[0])")
                    #expect(
                        cleared.code == 0 && cleared.text == "13955072 bytes freed, of 3 results\n", "\(cleared.text)")
                    #expect(try await mounted.space() < 1 << 20)
                }
                let absent = try await mounted.tool("cache info --cache-dir \(mounted.workshop["nowhere"])")
                #expect(absent.code == 1 && absent.errors.contains("no cache"), "\(absent.errors)")
                #expect(try await !shell("test -e \(mounted.workshop["nowhere"])").succeeded)
            }
        }

        /// Flips a bit in the first block of one data file.
        private static func damage(_ mounted: SimulatedMount) async throws {
            let done = try await shell(
                """
                python3 -c 'import glob
                with open(sorted(glob.glob("\(mounted.mount.cache)/data/*/*"))[0], "r+b") as f:
                    f.seek(777); byte = f.read(1)[0]; f.seek(777); f.write(bytes([byte ^ 4]))'
                """)
            try #require(done.succeeded, "\(done.errors)")
        }

        @Test func `clear keeps what is open and says so`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                #expect(try await mounted.tool("prefetch \(mounted.project)").code == 0)
                let file = mounted.file(TaskID(number: 2))
                let cleared = try await shell(
                    "exec 3<\(file); \(program) cache clear \(mounted.mount.point); echo $?; sha256sum <&3")
                #expect(
                    cleared.lines.prefix(2) == [
                        "10002432 bytes freed, of 2 results, 1 kept because they are open", "1",
                    ])
                #expect(cleared.errors.contains("\(file): EBUSY: It is open"), "\(cleared.errors)")
                #expect(cleared.lines.last?.hasPrefix(try #require(Self.contents[1].sha256())) == true)
            }
        }

        @Test func `no other user gets anything from the socket`() async throws {
            try await SimulatedMount.with(Self.results, options: ["allow_other"]) { mounted in
                let device = try await shell("mountpoint -d \(mounted.mount.point)").lines[0]
                let socket = "/run/iesfs/\(device.replacing(":", with: "-")).tools"
                let modes = try await shell("stat -c '%a %U %F' /run/iesfs \(socket)").text
                #expect(modes == "700 root directory\n600 root socket\n")
                let ask = """
                    python3 -c 'import socket
                    s = socket.socket(socket.AF_UNIX); s.connect("\(socket)")
                    s.sendall(b"{\\"version\\":1,\\"command\\":\\"info\\",\\"paths\\":[],\\"jobs\\":1,\\"pin\\":false,\\"unpin\\":false,\\"dry_run\\":false}\\n")
                    print(s.makefile().read())'
                    """
                #expect(try await shell(ask).text.contains("\"used\":0"))
                let kept = try await shell(ask, as: "nobody")
                #expect(!kept.succeeded && kept.errors.contains("Permission denied"), "\(kept.errors)")
                // Were the modes another's, the worker itself would refuse.
                let refused = try await shell(
                    "chmod 711 /run/iesfs && chmod 666 \(socket) && setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c \(quoted(ask)); chmod 700 /run/iesfs"
                )
                #expect(refused.text.contains("Only root and the user who mounted"), "\(refused.text)\(refused.errors)")
            }
        }

        @Test func `an ordinary user's mount takes commands from this user and from root`() async throws {
            let service = SimulatedService()
            for result in Self.results { service.add(result) }
            let server = SimulatorServer(service: service)
            let port = try await server.start()
            let workshop = try Workshop()
            try await shell(
                """
                mkdir \(workshop["mnt"]) \(workshop["home"]) && chown nobody \(workshop["mnt"]) \(workshop["home"])
                cp \(program) \(workshop["iesfs"]) && chmod 755 \(workshop["iesfs"])
                """)
            let libraries = try await shell("ldd \(program) | sed -n 's|.* => \\(/.*\\)/libswiftCore.so .*|\\1|p'")
            let binary = "LD_LIBRARY_PATH=\(libraries.lines.first ?? "") \(workshop["iesfs"])"
            let environment = [
                "IESFS_TOKEN": SimulatedAccount.token, "HOME": workshop["home"].string,
                "XDG_RUNTIME_DIR": workshop["home"].string,
            ]
            let mounted = try await shell(
                "\(binary) mount http://127.0.0.1:\(port) \(workshop["mnt"]) -o cache_dir=\(workshop["home"])/cache",
                as: "nobody", environment: environment)
            #expect(mounted.succeeded, "\(mounted.errors)")
            let project = "\(workshop["mnt"])/\(service.project)"
            let fetched = try await shell(
                "\(binary) prefetch --quiet \(project)", as: "nobody", environment: environment)
            #expect(fetched.text == "3 results in the cache, 14 MiB fetched\n", "\(fetched.errors)")
            // Another user may not, whatever the file modes are; and this one finds no other's place.
            let other = try await shell("\(binary) evict \(project)", as: "daemon", environment: environment)
            #expect(other.code != 0 && other.errors.contains("only root and the user who mounted"), "\(other.errors)")
            let freed = try await shell(
                "\(binary) evict --quiet \(project)", as: "nobody", environment: environment)
            #expect(freed.text == "15003648 bytes freed, of 3 results\n", "\(freed.errors)")
            _ = try await shell("\(binary) unmount \(workshop["mnt"])", as: "nobody")
            let mount = MountedResults(point: workshop["mnt"], cache: workshop["cache"])
            #expect(try await eventually { try await mount.processes().isEmpty })
            try await mount.discard()
            await server.stop()
            try await workshop.remove()
        }
    }
}
