// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// `iesfs mount` tells the truth by its exit code, and why in one sentence.
    @Suite struct Commands {
        /// What is wrong, and a word the sentence must have.
        struct Mistake: Sendable, CustomTestStringConvertible {
            let name: String
            var options: [String] = []
            var environment = ["IESFS_TOKEN": SimulatedAccount.token]
            var point = "mnt"
            var port: String?
            let expected: String
            var testDescription: String { name }
        }

        static let mistakes = [
            Mistake(name: "unknown option", options: ["cache_szie=1G"], expected: "cache_size"),
            Mistake(name: "bad value", options: ["timeout=soon"], expected: "timeout"),
            Mistake(name: "writing", options: ["rw"], expected: "read-only"),
            Mistake(name: "no credentials", environment: ["HOME": "/nonexistent"], expected: "credentials"),
            Mistake(
                name: "open secret", options: ["token_file=OPEN"], environment: [:], expected: "chmod 600"),
            Mistake(name: "no such mountpoint", point: "nowhere", expected: "does not exist"),
            Mistake(name: "a file as mountpoint", point: "OPEN", expected: "directory"),
            Mistake(name: "non-empty mountpoint", point: "full", expected: "empty"),
            Mistake(name: "refused connection", port: "1", expected: "refused"),
            Mistake(name: "secret in the URL", port: "user", expected: "user"),
        ]

        @Test(arguments: mistakes)
        func `a mistake is refused with one clear sentence`(mistake: Mistake) async throws {
            let server = SimulatorServer(service: SimulatedService())
            let port = try await server.start()
            let workshop = try Workshop()
            try await shell(
                "mkdir mnt full && touch full/file && echo token >OPEN && chmod 644 OPEN", in: workshop.path)
            let source =
                switch mistake.port {
                case "user": "http://me:secret@127.0.0.1:\(port)"
                case let other: "http://127.0.0.1:\(other ?? "\(port)")"
                }
            let result = try await MountedResults.command(
                source, at: workshop[mistake.point], cache: workshop["cache"],
                options: mistake.options.map { $0.replacing("OPEN", with: workshop["OPEN"].string) },
                environment: mistake.environment)
            #expect(result.code != 0 && result.code < 128)
            #expect(result.errors.hasPrefix("iesfs: "), "\(result.errors)")
            #expect(result.errors.contains(mistake.expected), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count <= 2, "\(result.errors)")
            #expect(!result.errors.contains("secret@"))
            #expect(try await !shell("mountpoint -q \(workshop["mnt"])").succeeded)
            await server.stop()
            try await workshop.remove()
        }

        @Test func `a mountpoint in use is refused, and the mount there goes on`() async throws {
            let task = TaskID(number: 1)
            try await SimulatedMount.with([SimulatedResult(task, content: .text("x"))]) { mounted in
                let again = try await MountedResults.command(
                    mounted.url, at: mounted.mount.point, cache: mounted.workshop["other"])
                #expect(!again.succeeded && again.errors.contains("in use"), "\(again.errors)")
                let shared = try await MountedResults.command(
                    mounted.url, at: mounted.workshop["other"], cache: mounted.mount.cache)
                #expect(!shared.succeeded)
                #expect(try await mounted.cat(task).text == "x")
            }
        }

        @Test func `a cache directory in use is refused, naming who uses it`() async throws {
            try await SimulatedMount.with { mounted in
                let point = mounted.workshop["second"]
                try await shell("mkdir \(point)")
                let result = try await MountedResults.command(mounted.url, at: point, cache: mounted.mount.cache)
                #expect(!result.succeeded && result.errors.contains(mounted.mount.point.string), "\(result.errors)")
                // By whatever way it is reached.
                try await shell("ln -s \(mounted.mount.cache) link", in: mounted.workshop.path)
                let linked = try await MountedResults.command(mounted.url, at: point, cache: mounted.workshop["link"])
                #expect(!linked.succeeded && linked.errors.contains(mounted.mount.point.string), "\(linked.errors)")
                #expect(try await !shell("mountpoint -q \(point)").succeeded)
            }
        }

        @Test func `after kill -9 of its processes the same mount command works again`() async throws {
            let task = TaskID(number: 1)
            try await SimulatedMount.with([SimulatedResult(task, content: .generated(seed: 4, size: 3 << 20))]) {
                mounted in
                try await shell("head -c 100000 \(mounted.file(task)) >/dev/null")
                for process in try await mounted.mount.processes() { try await shell("kill -9 \(process)") }
                #expect(try await eventually { try await mounted.mount.processes().isEmpty })
                #expect(try await shell("stat \(mounted.mount.point)").errors.contains("not connected"))
                _ = try await MountedResults.mount(
                    mounted.url, at: mounted.mount.point, cache: mounted.mount.cache,
                    environment: ["IESFS_TOKEN": SimulatedAccount.token])
                #expect(try await mounted.cat(task).output.count == 3 << 20)
            }
        }

        @Test(arguments: ["TERM", "INT"])
        func `a signal to the holder unmounts, and umount ends it`(signal: String) async throws {
            try await SimulatedMount.with(unmountsItself: true) { mounted in
                let holder = try #require(try await mounted.mount.processes().first)
                try await shell("kill -\(signal) \(holder)")
                #expect(try await eventually { try await mounted.mount.processes().isEmpty })
                #expect(try await !shell("mountpoint -q \(mounted.mount.point)").succeeded)
            }
            try await SimulatedMount.with(unmountsItself: true) { mounted in
                let unmounted = try await shell("umount \(mounted.mount.point)")
                #expect(unmounted.succeeded, "\(unmounted.errors)")
                #expect(try await eventually { try await mounted.mount.processes().isEmpty })
            }
        }

        @Test func `an fstab line mounts with mount(8), and umount ends the daemon`() async throws {
            let task = TaskID(number: 1)
            let service = SimulatedService()
            service.add(SimulatedResult(task, content: .text("from fstab")))
            let front = SimulatorServer(service: service)
            let port = try await front.start()
            let workshop = try Workshop()
            try write("\(SimulatedAccount.token)\n".utf8, to: workshop["token"], permissions: .ownerReadWrite)
            let options =
                "_netdev,nofail,noatime,cache_dir=\(workshop["cache"]),token_file=\(workshop["token"]),allow_other"
            try write(
                "http://127.0.0.1:\(port) \(workshop["mnt"]) iesfs \(options) 0 0\n".utf8, to: workshop["fstab"])
            let mounted = try await shell(
                """
                set -e
                mkdir \(workshop["mnt"])
                BINARY=\(program) PREFIX=\(workshop["prefix"]) \(packageRoot)/mount-helpers/install >/dev/null
                mount -T \(workshop["fstab"]) \(workshop["mnt"])
                cat \(workshop["mnt"])/\(service.project)/\(task)
                """)
            #expect(mounted.succeeded && mounted.text == "from fstab", "\(mounted.text)\(mounted.errors)")
            let mount = MountedResults(point: workshop["mnt"], cache: workshop["cache"])
            #expect(try await shell("umount \(workshop["mnt"])").succeeded)
            #expect(try await eventually { try await mount.processes().isEmpty })
            let remount = try await shell("/sbin/mount.iesfs x \(workshop["mnt"]) -o remount,rw")
            #expect(!remount.succeeded && remount.errors.contains("cannot be changed"))
            try await shell("PREFIX=\(workshop["prefix"]) \(packageRoot)/mount-helpers/install --uninstall")
            try await mount.discard()
            await front.stop()
            try await workshop.remove()
        }

        /// Where the package's sources are.
        private var packageRoot: FilePath {
            FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        }

        @Test func `an ordinary user mounts through fusermount3`() async throws {
            let task = TaskID(number: 1)
            let service = SimulatedService()
            service.add(SimulatedResult(task, content: .text("for nobody")))
            let server = SimulatorServer(service: service)
            let port = try await server.start()
            let workshop = try Workshop()
            try await shell(
                """
                mkdir \(workshop["mnt"]) \(workshop["home"]) && chown nobody \(workshop["mnt"]) \(workshop["home"])
                cp \(program) \(workshop["iesfs"]) && chmod 755 \(workshop["iesfs"])
                """)
            let binary = "LD_LIBRARY_PATH=\(try await libraryPath()) \(workshop["iesfs"])"
            let mounted = try await shell(
                "\(binary) mount http://127.0.0.1:\(port) \(workshop["mnt"]) -o cache_dir=\(workshop["home"])/cache",
                as: "nobody",
                environment: ["IESFS_TOKEN": SimulatedAccount.token, "HOME": workshop["home"].string])
            #expect(mounted.succeeded, "\(mounted.errors)")
            let path = "\(workshop["mnt"])/\(service.project)/\(task)"
            #expect(try await shell("cat \(path)", as: "nobody").text == "for nobody")
            let status = try await shell("cat \(workshop["mnt"])/.iesfs/status", as: "nobody")
            #expect(status.text.contains("\npassthrough: off: only root may"), "\(status.text)")
            // Without allow_other not even root may look.
            #expect(try await shell("LC_ALL=C cat \(path)").errors.contains("Permission denied"))
            let unmounted = try await shell("\(binary) unmount \(workshop["mnt"])", as: "nobody")
            #expect(unmounted.succeeded, "\(unmounted.errors)")
            let mount = MountedResults(point: workshop["mnt"], cache: workshop["cache"])
            #expect(try await eventually { try await mount.processes().isEmpty })
            try await mount.discard()
            await server.stop()
            try await workshop.remove()
        }
    }
}
