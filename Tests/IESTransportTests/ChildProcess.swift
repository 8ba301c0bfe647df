// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc

/// A program started by a test, killed with its owner.
///
/// What waits for it does so on a thread of its own, never on one that runs tasks.
final class ChildProcess: Sendable {
    private let identifier: pid_t
    /// Where its standard output is read.
    private let output: Int32

    /// - Parameter arguments: The program, looked up in `PATH`, and its arguments.
    init(_ arguments: [String], in directory: String) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(arguments: arguments) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // Other tests run in this process: a copy of their connections here would hide that they have ended.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var words = (["env", "-C", directory] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var identifier = pid_t()
        let status = posix_spawnp(&identifier, "env", &actions, nil, words, environ)
        close(ends[1])
        guard status == 0 else { throw Failure(arguments: arguments) }
        self.identifier = identifier
        output = ends[0]
    }

    deinit {
        kill(identifier, SIGKILL)
        waitpid(identifier, nil, 0)
        close(output)
    }

    /// The first line of its output that begins so; nil when the output ends first.
    func line(after beginning: String) async -> String? {
        await elsewhere {
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while read(self.output, &byte, 1) == 1 {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    continue
                }
                let text = String(decoding: line, as: UTF8.self)
                if text.hasPrefix(beginning) { return String(text.dropFirst(beginning.count)) }
                line = []
            }
            return nil
        }
    }

    /// Runs a program to its end.
    static func run(_ arguments: [String], in directory: String) async throws {
        let child = try ChildProcess(arguments, in: directory)
        let status = await elsewhere {
            var information = siginfo_t()
            // Leaves the process to be reaped by its owner.
            waitid(P_PID, id_t(child.identifier), &information, WEXITED | WNOWAIT)
            return information._sifields._sigchld.si_status
        }
        guard status == 0 else { throw Failure(arguments: arguments) }
    }

    struct Failure: Error { let arguments: [String] }
}

/// Runs what blocks on a thread of its own.
private func elsewhere<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        onThread { continuation.resume(returning: body()) }
    }
}

/// A directory of its own, removed with its owner.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/iesfs-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path(name)))
    }

    /// A certificate for these names, signed by itself: `name.pem` and `name.key`.
    func makeCertificate(_ name: String, for names: String) async throws {
        try await ChildProcess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", "\(name).key", "-out",
                "\(name).pem", "-days", "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)",
            ], in: path)
    }
}
