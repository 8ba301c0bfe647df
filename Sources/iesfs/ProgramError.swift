// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why the program ends: one sentence for standard error, and the status.
struct ProgramError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String
    let status: ExitStatus

    init(_ description: String, status: ExitStatus = .failure) {
        self.description = description
        self.status = status
    }
}

/// The exit statuses of `iesfs`; `mount.iesfs` turns them into those of mount(8).
enum ExitStatus: Int32, Sendable {
    case success = 0
    /// It was tried and did not work.
    case failure = 1
    /// Ctrl-C, as a shell counts it.
    case interrupted = 130
    /// The command line or configuration is wrong (EX_USAGE of sysexits.h, as the argument parser has it).
    case usage = 64

    /// Ends the process.
    func end() -> Never { exit(rawValue) }
}

enum CurrentError {
    /// What `errno` of this thread means, in words.
    static var text: String { text(of: errno) }

    static func text(of code: Int32) -> String { String(cString: strerror(code)) }
}

enum CurrentUser {
    static var id: UInt32 { geteuid() }
    static var isRoot: Bool { id == 0 }
}
