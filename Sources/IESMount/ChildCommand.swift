// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// A helper program that is run to its end: fusermount3, stat.
struct ChildCommand {
    struct Outcome: Hashable, Sendable {
        /// The exit code; nil if it was ended by a signal, or somebody else waited for it.
        let code: Int32?
        /// What it wrote on standard output and standard error.
        let text: String

        var succeeded: Bool { code == 0 }
    }

    let name: String
    let arguments: [String]
    /// A descriptor the child finds as 3, named to it by this variable of the environment.
    var inherited: (descriptor: Int32, variable: String)?

    /// Runs the program, found through PATH or in `/usr/bin` and `/bin`.
    ///
    /// - Parameter timeout: In milliseconds; then the child is left to itself, because one that hangs in the kernel
    ///   cannot be ended, and the outcome is nil.
    func run(timeout: Int32 = -1) throws(Errno) -> Outcome? {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw .current }
        defer { close(ends[0]) }
        let spawned = Result { () throws(Errno) in try spawn(output: ends[1]) }
        close(ends[1])
        let child = try spawned.get()
        guard let text = Self.read(ends[0], timeout: timeout) else { return nil }
        var status: Int32 = 0
        var waited: pid_t
        repeat { waited = waitpid(child, &status, 0) } while waited < 0 && errno == EINTR
        let ended = waited == child && status & 0x7f == 0
        return Outcome(code: ended ? (status >> 8) & 0xff : nil, text: text)
    }

    /// Reads to the end of the child's output; nil if that has not come when a poll of `timeout` ends.
    private static func read(_ descriptor: Int32, timeout: Int32) -> String? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, timeout)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return nil }
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    private func spawn(output: Int32) throws(Errno) -> pid_t {
        // Copies above the numbers they are put at, so that none overwrites another.
        let text = fcntl(output, F_DUPFD_CLOEXEC, 10)
        guard text >= 0 else { throw .current }
        defer { close(text) }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        var environment = Self.environment
        var passed: Int32 = -1
        defer { if passed >= 0 { close(passed) } }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, text, 1)
        posix_spawn_file_actions_adddup2(&actions, text, 2)
        if let inherited {
            passed = fcntl(inherited.descriptor, F_DUPFD_CLOEXEC, 10)
            guard passed >= 0 else { throw .current }
            posix_spawn_file_actions_adddup2(&actions, passed, 3)
            environment.append("\(inherited.variable)=3")
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, inherited == nil ? 3 : 4)
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var failure = ENOENT
        for program in [name, "/usr/bin/\(name)", "/bin/\(name)"] where failure == ENOENT {
            var child: pid_t = 0
            failure = Self.withCStrings([program] + arguments) { arguments in
                Self.withCStrings(environment) { environment in
                    posix_spawnp(&child, program, &actions, &attributes, arguments, environment)
                }
            }
            if failure == 0 { return child }
        }
        throw Errno(rawValue: failure)
    }

    /// Our own, with messages in English: they are read by this program.
    private static var environment: [String] {
        var variables: [String] = []
        var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = environ
        while let entry = next.pointee {
            let variable = String(cString: entry)
            if !variable.hasPrefix("LC_ALL="), !variable.hasPrefix("LANGUAGE=") { variables.append(variable) }
            next += 1
        }
        return variables + ["LC_ALL=C"]
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}

extension Errno {
    /// What the last call of this thread left in errno.
    static var current: Errno { Errno(rawValue: errno) }
}
