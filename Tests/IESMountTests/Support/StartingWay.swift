// SPDX-License-Identifier: Apache-2.0

import IESSimulator
import SystemPackage
import Testing

/// How a mount is started, other than by root in the background.
struct StartingWay: Sendable, CustomTestStringConvertible {
    /// Nil: root.
    let user: String?
    let isInForeground: Bool

    static let others = [
        StartingWay(user: nil, isInForeground: true), StartingWay(user: "nobody", isInForeground: false),
        StartingWay(user: "nobody", isInForeground: true),
    ]

    var testDescription: String { "\(user ?? "root"), \(isInForeground ? "in the foreground" : "in the background")" }
}

extension SimulatedMount {
    /// Mounts anew in another way, with a cache and a copy of the program that the user may use.
    func mountAgain(_ way: StartingWay, options: [String] = []) async throws {
        try await mount.unmount()
        let (home, binary, output) = (workshop["home"], workshop["iesfs"], workshop["home"].appending("out"))
        try await shell(
            """
            mkdir \(home) && chown \(way.user ?? "root") \(mount.point) \(home)
            cp \(quoted(program)) \(binary) && chmod 755 \(binary)
            """)
        let all = (["cache_dir=\(home)/cache", "rate=0"] + options).joined(separator: ",")
        let words = "exec \(binary) mount \(quoted(url)) \(mount.point) -o \(quoted(all))"
        let environment = [
            "IESFS_TOKEN": SimulatedAccount.token, "HOME": home.string, "LD_LIBRARY_PATH": try await libraryPath(),
        ]
        guard way.isInForeground else {
            let mounted = try await shell(words, as: way.user, environment: environment)
            return try #require(mounted.succeeded, "\(mounted.errors)")
        }
        // Not killed with the shell that starts it.
        try await shell(
            """
            touch \(output)
            setsid sh -c \(quoted("\(words) --foreground >\(output) 2>&1 </dev/null")) &
            """, as: way.user, environment: environment)
        let isMounted = try await eventually { try await shell("cat \(output)").text.contains("mounted ") }
        let said = try await shell("cat \(output)").text
        try #require(isMounted, "\(said)")
    }
}

/// Where a debug build finds the Swift runtime, which an ordinary user cannot always search for.
func libraryPath() async throws -> String {
    try await shell("ldd \(program) | sed -n 's|.* => \\(/.*\\)/libswiftCore.so .*|\\1|p'").lines.first ?? ""
}
