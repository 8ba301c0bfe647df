// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// A project looks and behaves like a local folder.
    @Suite struct Browsing {
        static let finished = TaskID(number: 1)
        static let table = TaskID(number: 2)
        static let running = TaskID(number: 3)
        static let unlisted = TaskID(number: 4)
        static let unknown = TaskID(number: 5)

        static var results: [SimulatedResult] {
            var unlistedResult = SimulatedResult(unlisted, content: .text("not in the list\n"))
            unlistedResult.isListed = false
            return [
                SimulatedResult(finished, content: .generated(seed: 1, size: 1_234_567)),
                SimulatedResult(table, content: .text("a,b\n1,2\n"), mediaType: "text/csv", filename: "问答对.csv"),
                SimulatedResult(running, state: .running), unlistedResult,
            ]
        }

        @Test func `ls, find, du, file and tree work on tasks of every kind`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                let project = mounted.project
                let listed = try await shell("ls \(project)")
                #expect(listed.lines == [Self.finished, Self.table, Self.running].map(\.rawValue))
                #expect(try await shell("ls -A \(mounted.mount.point)").text == "\(mounted.service.project)\n")

                let long = try await shell("ls -l --time-style=+%s \(project)", environment: ["LC_ALL": "C"])
                #expect(long.succeeded, "\(long.errors)")
                #expect(
                    long.lines.contains { $0.hasPrefix("-r--r--r-- 1 root root 1234567 1744276967 \(Self.finished)") })
                #expect(long.lines.contains { $0.hasPrefix("-r--r--r-- 1 root root       8 ") })

                let found = try await shell("find \(mounted.mount.point) -type f -size +1000k")
                #expect(found.lines == [mounted.file(Self.finished)])
                let tree = try await shell("tree -a \(mounted.mount.point)")
                #expect(
                    tree.text.contains("1 directory, 3 files") || tree.text.contains("2 directories, 3 files"),
                    "\(tree.text)")
                #expect(try await shell("file -b \(mounted.file(Self.table))").text.contains("text"))
                #expect(
                    try await shell("du -s --apparent-size -B1 \(mounted.file(Self.finished))").text.hasPrefix(
                        "1234567\t"))
                #expect(try await shell("wc -c <\(mounted.file(Self.unlisted))").text == "16\n")
                #expect(try await mounted.cat(Self.unknown).errors.contains("No such file or directory"))
                #expect(try await shell("readlink \(project)/.by-name/问答对.csv").text == "../\(Self.table)\n")
                #expect(try await shell("cat \(project)/.by-name/问答对.csv").text == "a,b\n1,2\n")
                #expect(try await shell("df -k \(project)").succeeded)
                #expect(
                    try await shell("getfattr -n user.mime_type --only-values \(mounted.file(Self.table))").text
                        == "text/csv")
                #expect(try await mounted.attribute("filename", of: mounted.file(Self.table)) == "问答对.csv")
                #expect(try await mounted.attribute("state", of: mounted.file(Self.table)) == "cached")
            }
        }

        @Test func `names that no task can have cost no request, and nothing can be written`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                try await shell("ls -l \(mounted.project)")
                let before = mounted.service.log.count
                for name in [".Trash", ".git", "autorun.inf", "-x", "a b", "Thumbs.db"] {
                    #expect(try await !shell("stat \(mounted.project)/\(quoted(name))").succeeded)
                }
                #expect(mounted.service.log.count == before)
                let file = mounted.file(Self.finished)
                for change in [
                    "touch \(file)", "echo >\(file)", "rm -f \(file)", "mkdir \(mounted.project)/new",
                    "chmod 600 \(file)",
                    "mv \(file) \(file)2", "ln \(file) \(file)2", "ln -s x \(mounted.project)/y",
                    "truncate -s 0 \(file)",
                    "setfattr -n user.x -v y \(file)", "touch \(mounted.project)/new",
                ] {
                    let result = try await shell(change, environment: ["LC_ALL": "C"])
                    #expect(
                        !result.succeeded && result.errors.contains("Read-only file system"),
                        "\(change): \(result.errors)")
                }
            }
        }

        @Test func `inode numbers and times are the same after a remount`() async throws {
            try await SimulatedMount.with(Self.results) { mounted in
                // A directory's time of change is that of its list; a file's is the task's, for good.
                let command =
                    "stat -c '%n %i' \(mounted.project) && "
                    + "stat -c '%n %i %Y %s' \(mounted.file(Self.finished)) \(mounted.file(Self.table))"
                let before = try await shell(command)
                #expect(before.succeeded)
                try await mounted.mount.unmount()
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                #expect(try await shell(command).text == before.text)
            }
        }

        @Test func `a list that is refused leaves known ids usable and says why`() async throws {
            try await SimulatedMount.with(Self.results, options: ["list_ttl=1"]) { mounted in
                let refusal = Refusal(status: 403, code: "APIGW.0302", message: "无权列出任务")
                mounted.service.inject(.refusal(refusal), on: .list, times: nil)
                #expect(try await shell("ls \(mounted.project)").succeeded)
                let message = try await mounted.attribute("error_msg", of: mounted.project)
                #expect(message == "无权列出任务")
                #expect(try await mounted.cat(Self.table).text == "a,b\n1,2\n")
                #expect(try await shell("ls \(mounted.project)").lines == [Self.table.rawValue])
            }
        }

        @Test(arguments: [("022", "nobody", true), ("077", "nobody", false), ("077", "daemon", true)])
        func `with allow_other, mode and owner decide who may read`(
            umask: String, user: String, isLetIn: Bool
        ) async throws {
            let options = ["allow_other", "umask=\(umask)", "uid=1", "gid=1"]
            try await SimulatedMount.with(Self.results, options: options) { mounted in
                let result = try await shell("cat \(mounted.file(Self.table))", as: user, environment: ["LC_ALL": "C"])
                #expect(result.succeeded == isLetIn, "\(result.errors)")
                if !isLetIn { #expect(result.errors.contains("Permission denied")) }
                #expect(try await shell("stat -c '%u %g' \(mounted.file(Self.table))").text == "1 1\n")
            }
        }

        @Test func `no secret appears anywhere`() async throws {
            let canary = "CANARY" + String(repeating: "7", count: 26)
            let access = "CANARYACCESS" + String(repeating: "8", count: 12)
            let service = SimulatedService(accessKey: access, secretKey: canary)
            for result in Self.results { service.add(result) }
            let server = SimulatorServer(service: service)
            let port = try await server.start()
            let workshop = try Workshop()
            try await shell("mkdir \(workshop["mnt"])")
            try write(
                "[basic]\nak = \(access)\nsk = \(canary)\n".utf8, to: workshop["keys"], permissions: .ownerReadWrite)
            let mount = try await MountedResults.mount(
                "http://127.0.0.1:\(port)", at: workshop["mnt"], cache: workshop["cache"],
                options: ["credentials=\(workshop["keys"])", "log=\(workshop["log"])", "log_level=trace", "timeout=2"],
                environment: [:])
            service.inject(.silence, for: Self.finished, times: 1)
            let project = mount.path(service.project.rawValue)
            let seen = try await shell(
                """
                cat \(project)/* >/dev/null; cat \(project)/\(Self.table)
                getfattr -R -d -m- \(mount.point) 2>&1; cat \(mount.point)/.iesfs/* 2>&1
                for pid in $(pgrep -f -- \(workshop["mnt"])); do tr '\\0' ' ' </proc/$pid/cmdline; done
                cat \(workshop["log"]); grep -ra . \(workshop["cache"])
                """)
            #expect(seen.text.contains("a,b\n1,2"), "signed requests are accepted: \(seen.text.prefix(2000))")
            #expect(!seen.text.contains(canary) && !seen.errors.contains(canary))
            #expect(!seen.text.contains(access) && !seen.text.contains("SDK-HMAC-SHA256"))
            #expect(try await shell("test -s \(workshop["log"])").succeeded)
            try await mount.unmount()
            try await mount.discard()
            await server.stop()
            try await workshop.remove()
        }
    }
}
