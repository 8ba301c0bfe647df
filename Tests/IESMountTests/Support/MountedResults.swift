// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

/// `iesfs mount` in the background, as a user starts it.
struct MountedResults: Sendable {
    let point: FilePath
    let cache: FilePath

    /// Mounts `source` and returns once the command has; `options` go into `-o` beside the cache directory.
    static func mount(
        _ source: String, at point: FilePath, cache: FilePath, options: [String] = [],
        environment: [String: String] = ["IESFS_TOKEN": "test-token"]
    ) async throws -> MountedResults {
        let result = try await command(
            source, at: point, cache: cache, options: options, environment: environment)
        try #require(result.succeeded, "iesfs mount: \(result.errors)")
        return MountedResults(point: point, cache: cache)
    }

    /// The same, for mounts that may be refused.
    static func command(
        _ source: String, at point: FilePath, cache: FilePath, options: [String] = [],
        environment: [String: String] = ["IESFS_TOKEN": "test-token"], as user: String? = nil
    ) async throws -> ShellResult {
        // Of a repeated option the last counts.
        let all = (["cache_dir=\(cache)", "rate=0"] + options).joined(separator: ",")
        return try await shell(
            "exec \(quoted(program)) mount \(quoted(source)) \(quoted(point.string)) -o \(quoted(all))",
            as: user, environment: environment)
    }

    /// Unmounts and checks that the daemon has gone with it.
    func unmount() async throws {
        let result = try await shell("exec \(quoted(program)) unmount \(quoted(point.string)) --timeout 20")
        #expect(result.succeeded, "iesfs unmount: \(result.errors)")
        // A cache of tens of thousands of results is brought to the disk first.
        let gone = try await eventually(within: 30) { try await processes().isEmpty }
        #expect(gone, "processes left behind")
    }

    /// Whatever state it is in: ends the mount and its processes.
    func discard() async throws {
        try await shell(
            """
            for kind in mount worker; do
                for pid in $(pgrep -f -- "[i]esfs $kind .*"\(quoted(point.string))); do kill -9 $pid; done 2>/dev/null
            done
            umount -l \(quoted(point.string)) 2>/dev/null; true
            """)
    }

    /// Has the credentials read again, as `systemctl reload` does.
    func reload() async throws {
        let holder = try #require(try await processes().first)
        try await shell("kill -HUP \(holder)")
    }

    /// The ids of the processes of this mount, holder first, whatever their numbers: whoever ends the worker first
    /// finds another one.
    func processes() async throws -> [Int32] {
        let found = try await shell(
            "for kind in mount worker; do pgrep -f -- \"[i]esfs $kind .*\"\(quoted(point.string)); done")
        return found.lines.compactMap { Int32($0) }
    }

    func path(_ name: String) -> String { point.appending(name).string }
}
