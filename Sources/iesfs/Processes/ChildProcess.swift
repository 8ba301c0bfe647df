// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Another process of this program.
struct ChildProcess: Sendable {
    /// How a process ended.
    enum End: Hashable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)

        var description: String {
            switch self {
            case .exited(let code): "exited with status \(code)"
            case .killed(let signal): "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }

        /// From a status of waitpid(2).
        init(status: Int32) {
            let signal = status & 0x7f
            self = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal)
        }
    }

    /// What the child gets.
    struct Setup {
        /// Without the program's own name.
        var arguments: [String]
        /// Descriptors that the child finds as 3, 4, …, in this order. Every other one is closed.
        var descriptors: [Int32] = []
        /// Standard error; standard input and output are `/dev/null`.
        var standardError: Int32?
        /// A process group of its own, so that Ctrl-C at the terminal does not reach it.
        var hasOwnGroup = false
        var workingDirectory: String?
        /// Variables to leave out of the environment.
        var withheld: Set<String> = []
        /// What to start; nil: the very file that runs now, even if another was installed meanwhile. The child finds it open
        /// after its other descriptors.
        var executable: Executable?
        /// Signals that wait until the child is ready to take them.
        var blocked: [Int32] = []
    }

    static let firstDescriptor: Int32 = 3

    let id: pid_t

    /// Starts this program again.
    static func start(_ setup: Setup) throws(ProgramError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        var copies: [Int32] = []
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            for copy in copies { close(copy) }
        }
        // Copies well above the numbers they are put at, so that none overwrites another.
        let descriptors = setup.descriptors + [setup.executable?.descriptor].compactMap { $0 }
        for source in [setup.standardError].compactMap({ $0 }) + descriptors {
            let copy = fcntl(source, F_DUPFD_CLOEXEC, 64)
            guard copy >= 0 else { throw ProgramError("a child process cannot be started: \(CurrentError.text)") }
            copies.append(copy)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        if setup.standardError == nil {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        } else {
            posix_spawn_file_actions_adddup2(&actions, copies[0], STDERR_FILENO)
        }
        for (index, copy) in copies.suffix(descriptors.count).enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, firstDescriptor + Int32(index))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, firstDescriptor + Int32(descriptors.count))
        if let directory = setup.workingDirectory { posix_spawn_file_actions_addchdir_np(&actions, directory) }
        setSignals(&attributes, setup)

        let file =
            setup.executable == nil
            ? "/proc/self/exe" : "/proc/self/fd/\(firstDescriptor + Int32(setup.descriptors.count))"
        var child: pid_t = 0
        let failure = withCStrings(["iesfs"] + setup.arguments) { arguments in
            withCStrings(environment(without: setup.withheld)) { environment in
                posix_spawn(&child, file, &actions, &attributes, arguments, environment)
            }
        }
        guard failure == 0 else {
            throw ProgramError("a child process cannot be started: \(CurrentError.text(of: failure))")
        }
        return ChildProcess(id: child)
    }

    /// What `ps` and `pgrep` show instead of `exe`, which is how this program was started again.
    static func rename(_ name: String) { pthread_setname_np(pthread_self(), name) }

    func signal(_ signal: Int32) { kill(id, signal) }

    /// How the process ended; nil while it runs. To be asked no more after that.
    func endNow() -> End? {
        var status: Int32 = 0
        return waitpid(id, &status, WNOHANG) == id ? End(status: status) : nil
    }

    /// Waits until the process has ended.
    func waitForEnd() -> End {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        return End(status: status)
    }

    /// No signal blocked but those that are to be, each with its standard action.
    private static func setSignals(_ attributes: inout posix_spawnattr_t, _ setup: Setup) {
        var blocked = sigset_t()
        var all = sigset_t()
        sigemptyset(&blocked)
        for signal in setup.blocked { sigaddset(&blocked, signal) }
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        if setup.hasOwnGroup { flags |= POSIX_SPAWN_SETPGROUP }
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    private static func environment(without withheld: Set<String>) -> [String] {
        var variables: [String] = []
        var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
        while let entry = next?.pointee {
            let variable = String(cString: entry)
            if !withheld.contains(String(variable.prefix { $0 != "=" })) { variables.append(variable) }
            next = next?.advanced(by: 1)
        }
        return variables
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
