// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

extension MountScenarios {
    /// Ordinary programs read results from servers that are not ours, and get what the server has.
    @Suite struct Origins {
        static let project = "0123456789abcdef0123456789abcdef"
        static let large = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        static let archive = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
        static let table = "cccccccccccccccccccccccccccccccc"
        static let empty = "dddddddddddddddddddddddddddddddd"
        static let size = 512 << 20

        /// Puts the results of one project where a static server finds them.
        static func makeTree(in workshop: Workshop) async throws -> FilePath {
            let results = workshop["www"].appending("v2/\(project)/ies/result")
            let made = try await shell(
                """
                set -e
                mkdir -p \(results) && cd \(results)
                openssl enc -aes-128-ctr -pass pass:iesfs -nosalt -pbkdf2 </dev/zero 2>/dev/null |
                    head -c \(size) >\(large)
                seq 1 5000 | awk '{ print $1 ",question " $1 ",answer " $1 * $1 }' >\(table)
                cp \(table) table.csv && head -c 3000000 \(large) >random.bin
                zip -q \(archive) table.csv random.bin && mv \(archive).zip \(archive) && rm table.csv random.bin
                : >\(empty)
                """)
            try #require(made.succeeded, "\(made.errors)")
            return workshop["www"]
        }

        @Test(arguments: StaticOrigin.Kind.allCases)
        func `ordinary programs get the server's bytes, which cross the network once`(
            kind: StaticOrigin.Kind
        ) async throws {
            let workshop = try Workshop()
            let tree = try await Self.makeTree(in: workshop)
            let origin = try await StaticOrigin(kind, serving: tree, in: workshop.path)
            try await shell("mkdir \(workshop["mnt"]) \(workshop["out"])")
            var mount = try await MountedResults.mount(origin.url, at: workshop["mnt"], cache: workshop["cache"])
            try await readEverything(mount, original: "\(tree)/v2/\(Self.project)/ies/result", out: workshop["out"])

            let path = "/v2/\(Self.project)/ies/result/\(Self.large)"
            switch kind {
            case .nginx:
                // Of a connection that lags at the end another takes over a part; what was under way of that is lost.
                let surplus = try await origin.bytesSent(for: path) - Self.size
                #expect(surplus >= 0 && surplus <= Self.size / 100)
            case .python: #expect(try await origin.requests(for: path) == 1)
            }

            // The second reading, after a remount, is served by the cache alone.
            let before = try await requests(to: origin)
            try await mount.unmount()
            mount = try await MountedResults.mount(origin.url, at: workshop["mnt"], cache: workshop["cache"])
            try await readEverything(mount, original: "\(tree)/v2/\(Self.project)/ies/result", out: workshop["out"])
            #expect(try await requests(to: origin) == before)

            try await mount.unmount()
            try await origin.stop()
            try await workshop.remove()
        }

        private func requests(to origin: StaticOrigin) async throws -> [Int] {
            var counts: [Int] = []
            for id in [Self.large, Self.archive, Self.table, Self.empty] {
                counts.append(try await origin.requests(for: "/v2/\(Self.project)/ies/result/\(id)"))
            }
            return counts
        }

        private func readEverything(_ mount: MountedResults, original: String, out: FilePath) async throws {
            let project = mount.path(Self.project)
            // 32 readers of one file that nobody has read: different places, one download.
            let readers = try await shell(
                """
                cd \(project) && sum=$(sha256sum <\(original)/\(Self.large))
                for reader in $(seq 32); do
                    { [ "$(sha256sum <\(Self.large))" = "$sum" ] || echo reader $reader differs; } &
                done
                wait
                """, within: 240)
            #expect(readers.succeeded && readers.output.isEmpty, "\(readers.text)\(readers.errors)")

            let checks = [
                "cp \(project)/\(Self.large) \(out)/copy && cmp \(out)/copy \(original)/\(Self.large)",
                "cat \(project)/\(Self.table) | cmp - \(original)/\(Self.table)",
                "cmp \(project)/\(Self.empty) /dev/null && [ $(stat -c %s \(project)/\(Self.empty)) = 0 ]",
                "[ \"$(unzip -l \(project)/\(Self.archive))\" != '' ] && unzip -tqq \(project)/\(Self.archive)",
                """
                for offset in 0 1 4095 4096 65535 65536 1048575 1048576 123456789 \(Self.size - 7) \(Self.size); do
                    dd if=\(project)/\(Self.large) bs=1 skip=$offset count=8192 iflag=skip_bytes,count_bytes \
                        status=none >\(out)/a
                    dd if=\(original)/\(Self.large) bs=64K skip=$offset count=8192 iflag=skip_bytes,count_bytes \
                        status=none >\(out)/b
                    cmp \(out)/a \(out)/b || exit 1
                done
                """,
                """
                cd \(project) && tar cf - \(Self.table) \(Self.archive) | tar xf - -C \(out) &&
                    cmp \(out)/\(Self.table) \(original)/\(Self.table) &&
                    cmp \(out)/\(Self.archive) \(original)/\(Self.archive)
                """,
                """
                rsync -c \(project)/\(Self.table) \(project)/\(Self.archive) \(out)/rsynced/ &&
                    cmp \(out)/rsynced/\(Self.archive) \(original)/\(Self.archive)
                """,
            ]
            for check in checks {
                let result = try await shell(check, within: 120)
                #expect(result.succeeded, "\(check)\n\(result.text)\(result.errors)")
            }
            try await shell("rm -rf \(out)/*")
        }
    }
}
