// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

extension MountScenarios {
    /// How many requests ordinary programs cost, and how many bytes.
    @Suite struct Frugality {
        static let project = "0123456789abcdef0123456789abcdef"
        static let archive = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        static let table = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

        /// Serves what `script` leaves in the directory of the project's results, and mounts it.
        private func with(
            _ script: String, rate: String? = nil, _ body: (StaticOrigin, String) async throws -> Void
        ) async throws {
            let workshop = try Workshop()
            let results = workshop["www"].appending("v2/\(Self.project)/ies/result")
            let made = try await shell("set -e; mkdir -p \(results) \(workshop["mnt"]) && cd \(results)\n\(script)")
            try #require(made.succeeded, "\(made.errors)")
            let origin = try await StaticOrigin(.nginx, serving: workshop["www"], in: workshop.path, rate: rate)
            let mount = try await MountedResults.mount(origin.url, at: workshop["mnt"], cache: workshop["cache"])
            do {
                try await body(origin, mount.path(Self.project))
                try await mount.unmount()
            } catch {
                try await mount.discard()
                try await origin.stop()
                throw error
            }
            try await origin.stop()
            try await workshop.remove()
        }

        private func path(_ id: String) -> String { "/v2/\(Self.project)/ies/result/\(id)" }

        @Test func `head -c1 of an unseen result is one request`() async throws {
            try await with("head -c 20000000 /dev/zero >\(Self.table)") { origin, directory in
                let read = try await shell("head -c1 \(directory)/\(Self.table) | wc -c")
                #expect(read.succeeded && read.lines == ["1"])
                #expect(try await origin.requests(for: path(Self.table)) == 1)
                #expect(try await origin.bytesSent(for: path(Self.table)) == 65536)
            }
        }

        @Test func `stat and the reading that follows it share a response`() async throws {
            try await with("seq 5000 >\(Self.table)") { origin, directory in
                let read = try await shell(
                    "stat \(directory)/\(Self.table) >/dev/null && cat \(directory)/\(Self.table) | tail -n 1")
                #expect(read.lines == ["5000"])
                #expect(try await origin.requests(for: path(Self.table)) == 1)
            }
        }

        @Test func `unzip -l of an archive of 1 GiB takes four requests and 2 MiB at the most`() async throws {
            let script = """
                mkdir members && cd members
                seq 2000 | while read n; do echo "$n" >"a-member-with-a-name-of-some-length-$n.txt"; done
                truncate -s 1G large && zip -q -0 -r ../\(Self.archive).zip . && cd .. && rm -r members
                mv \(Self.archive).zip \(Self.archive)
                """
            try await with(script) { origin, directory in
                let list = try await shell("unzip -l \(directory)/\(Self.archive) | tail -n 1", within: 60)
                #expect(list.succeeded && list.text.contains("2001 files"), "\(list.text)\(list.errors)")
                #expect(try await origin.requests(for: path(Self.archive)) <= 4)
                #expect(try await origin.bytesSent(for: path(Self.archive)) <= 2 << 20)
            }
        }

        @Test func `a server that limits each connection is read over several`() async throws {
            let size = 128 << 20
            let script = "openssl enc -aes-128-ctr -pass pass:x -nosalt -pbkdf2 </dev/zero 2>/dev/null"
            try await with("\(script) | head -c \(size) >\(Self.table)", rate: "4m") { origin, directory in
                let start = ContinuousClock.now
                let read = try await shell(
                    "cmp \(directory)/\(Self.table) \(origin.directory)/www\(path(Self.table))", within: 60)
                #expect(read.succeeded, "\(read.errors)")
                // 32 seconds over one connection, 4 over eight.
                #expect(ContinuousClock.now - start < .seconds(16))
                #expect(try await origin.requests(for: path(Self.table)) <= 80)
            }
        }
    }
}
