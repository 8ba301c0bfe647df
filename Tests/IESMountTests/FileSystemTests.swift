// SPDX-License-Identifier: Apache-2.0

import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// The cache on the file systems that people have.
    @Suite struct FileSystems {
        private static let environment = ["IESFS_TOKEN": SimulatedAccount.token]
        private static let small = SimulatedResult(TaskID(number: 1), content: .generated(seed: 1, size: 24 << 20))
        private static let large = SimulatedResult(TaskID(number: 2), content: .generated(seed: 2, size: 96 << 20))

        /// Gives `body` the directory of a new file system.
        private static func with(_ kind: String, _ body: (FilePath) async throws -> Void) async throws {
            let workshop = try Workshop()
            let directory = workshop["disk"]
            let made = try await shell(
                kind == "tmpfs"
                    ? "mkdir \(directory) && mount -t tmpfs -o size=512m none \(directory)"
                    : """
                    set -e; mkdir \(directory); truncate -s 512M \(workshop["image"])
                    mkfs.\(kind) -q \(kind == "ext4" ? "-F" : "-f") \(workshop["image"])
                    mount -o loop \(workshop["image"]) \(directory)
                    """)
            try #require(made.succeeded, "\(made.errors)")
            do {
                try await body(directory)
            } catch {
                try await shell("umount -l \(directory)")
                throw error
            }
            let unmounted = try await shell("umount \(directory)")
            #expect(unmounted.succeeded, "\(unmounted.errors)")
            try await workshop.remove()
        }

        private static func checks(_ mounted: SimulatedMount, _ result: SimulatedResult) async throws {
            let read = try await shell("exec sha256sum <\(quoted(mounted.file(result.task)))", within: 120)
            #expect(read.lines == ["\(try #require(result.content.sha256()))  -"], "\(read.errors)")
        }

        private static func remount(
            _ mounted: SimulatedMount, cache: FilePath, options: [String] = []
        ) async throws {
            try await mounted.mount.unmount()
            _ = try await MountedResults.mount(
                mounted.url, at: mounted.mount.point, cache: cache, options: options, environment: environment)
        }

        @Test(arguments: ["tmpfs", "ext4", "xfs", "btrfs"])
        func `it keeps results, passes them through, holds its limit and gives space back`(kind: String) async throws {
            try await Self.with(kind) { disk in
                let cache = disk.appending("cache")
                try await SimulatedMount.with([Self.small, Self.large], unmountsItself: true) { mounted in
                    try await Self.remount(mounted, cache: cache)
                    try await Self.checks(mounted, Self.small)
                    try await Self.remount(mounted, cache: cache)
                    let requests = mounted.service.log.count(of: Self.small.task)
                    let file = quoted(mounted.file(Self.small.task))
                    let isPassedThrough = try await eventually(within: 60) {
                        try await shell(
                            "exec 3<\(file); getfattr --absolute-names -n user.ies.state --only-values \(file)"
                        ).text == "passthrough"
                    }
                    #expect(isPassedThrough)
                    try await Self.checks(mounted, Self.small)
                    #expect(mounted.service.log.count(of: Self.small.task) == requests)

                    // Three times what may be kept, read through.
                    try await Self.remount(mounted, cache: cache, options: ["cache_size=32M", "nopassthrough"])
                    let highest = try await shell(
                        """
                        cat \(quoted(mounted.file(Self.large.task))) >/dev/null & reader=$!; highest=0
                        while kill -0 $reader 2>/dev/null; do
                            used=$(du --block-size=1 -s \(cache) | cut -f1)
                            [ $used -gt $highest ] && highest=$used
                            sleep 0.05
                        done
                        wait $reader && echo $highest
                        """, within: 120)
                    let most = try #require(highest.lines.first.flatMap { Int($0) }, "\(highest.errors)")
                    // A block for each connection, and the index beside the data.
                    #expect(most <= 32 << 20 + 9 << 20, "\(most)")
                    try await Self.checks(mounted, Self.large)
                    try await mounted.mount.unmount()
                    let used = try await shell("sync -f \(cache); du --block-size=1 -s \(cache) | cut -f1")
                    let count = try #require(used.lines.first.flatMap { Int($0) })
                    #expect(count <= 32 << 20 + 1 << 20, "\(count)")
                }
            }
        }

        @Test func `a limit on the size of files is a failing disk, and not the end of the daemon`() async throws {
            try await SimulatedMount.with([Self.large]) { mounted in
                // Known, and its file to be made anew: whoever opens it does that.
                try await shell("head -c 1 \(quoted(mounted.file(Self.large.task)))")
                try await mounted.mount.unmount()
                let limited = try await shell(
                    """
                    find \(mounted.mount.cache)/data -type f -delete
                    exec prlimit --fsize=\(20 << 20) \(quoted(program)) mount \(mounted.url) \(mounted.mount.point) \
                        -o cache_dir=\(mounted.mount.cache)
                    """, environment: Self.environment)
                try #require(limited.succeeded, "\(limited.errors)")
                try await Self.checks(mounted, Self.large)
                let status = try await shell("cat \(mounted.mount.path(".iesfs/status"))")
                #expect(status.lines.contains { ["cache disk: unstable", "cache disk: down"].contains($0) })
            }
        }
    }
}
