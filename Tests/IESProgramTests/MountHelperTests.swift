// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import iesfs

/// The directory of the package.
private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// `mount.iesfs` as mount-helpers/install fills it in, with a program in place of iesfs that prints its arguments.
@Suite struct MountHelperTests {
    private func run(_ arguments: String..., programStatus: Int = 0) throws -> (status: Int32, output: [String]) {
        let directory = FileManager.default.temporaryDirectory.appending(path: "iesfs-helper-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let program = directory.appending(path: "iesfs")
        try "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit \(programStatus)\n"
            .write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        let script = try String(contentsOf: root.appending(path: "mount-helpers/mount.iesfs"), encoding: .utf8)
        let helper = directory.appending(path: "mount.iesfs")
        try script.replacing("@BINARY@", with: program.path).write(to: helper, atomically: true, encoding: .utf8)

        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [helper.path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text.split(separator: "\n").map(String.init))
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze")))
    func `systemd understands the unit`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "iesfs-unit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let text = try String(contentsOf: root.appending(path: "mount-helpers/iesfs@.service"), encoding: .utf8)
        let unit = directory.appending(path: "iesfs@a.service")
        // A program that exists, in place of the one to be installed.
        try text.replacing("@BINDIR@/iesfs", with: "/bin/true").write(to: unit, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/systemd-analyze")
        process.arguments = ["verify", unit.path]
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let words = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && !words.contains(unit.path), "\(words)")
        for line in ["KillMode=mixed", "OOMPolicy=continue", "Type=notify", "ExecReload=@BINDIR@/iesfs upgrade"] {
            #expect(text.contains("\n\(line)"))
        }
    }

    @Test(arguments: [
        ("rw", nil), ("rw,noauto", "noauto"), ("uid=1,rw,gid=2", "uid=1,gid=2"),
        (#"cache_dir=/a\,rw,rw"#, #"cache_dir=/a\,rw"#),
        ("_netdev,nofail,x-systemd.automount", "_netdev,nofail,x-systemd.automount"),
    ])
    func `rw is dropped, the rest is passed on`(given: String, passed: String?) throws {
        let (status, output) = try run("cn-north-4", "/mnt/my results", "-o", given)
        #expect(status == 0)
        #expect(output == ["mount"] + (passed.map { ["-o", $0] } ?? []) + ["--", "cn-north-4", "/mnt/my results"])
    }

    @Test func `the flags that mount(8) adds are understood`() throws {
        let (status, output) = try run("cn-north-4", "/mnt/ies", "-s", "-n", "-v", "-t", "fuse.iesfs", "-o", "rw,ro")
        #expect(status == 0)
        #expect(output == ["mount", "-v", "-o", "ro", "--", "cn-north-4", "/mnt/ies"])
    }

    @Test func `a fake mount starts nothing`() throws {
        #expect(try run("cn-north-4", "/mnt/ies", "-f") == (0, []))
    }

    @Test func `a remount is refused in words`() throws {
        let (status, output) = try run("cn-north-4", "/mnt/ies", "-o", "remount,ro")
        #expect(status == 32)
        #expect(
            output == ["mount.iesfs: the options of a mount cannot be changed; unmount /mnt/ies and mount it again"])
    }

    @Test(arguments: [(1, 32), (64, 1), (137, 32)])
    func `the exit status is one of mount(8)`(program: Int, helper: Int) throws {
        #expect(try run("cn-north-4", "/mnt/ies", programStatus: program).status == Int32(helper))
    }
}

@Suite struct DocumentationTests {
    @Test func `every key of the sample configuration is an option, and reads as a value of it`() throws {
        let sample = try String(contentsOf: root.appending(path: "mount-helpers/config.yaml"), encoding: .utf8)
        let lines = sample.split(separator: "\n").filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }
        let text = lines.map { $0.dropFirst() }.filter { !$0.isEmpty }.joined(separator: "\n")
        let values = try ConfigurationFile.values(of: Array(text.utf8), path: "config.yaml")
        _ = try ResolvedOptions(arguments: [], file: ("config.yaml", values), workingDirectory: "/")
        #expect(Set(values.keys) == Set(OptionTable.options.map(\.name)).subtracting(["allow_root"]))
    }

    @Test func `the table of options in the README is that of the program`() throws {
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let begin = try #require(readme.range(of: "<!-- options -->\n"))
        let end = try #require(readme.range(of: "<!-- /options -->"))
        let table = readme[begin.upperBound..<end.lowerBound]
        #expect(table == OptionTable.markdown + "\n")
    }
}
