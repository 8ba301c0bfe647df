// SPDX-License-Identifier: Apache-2.0

import Subprocess
import SystemPackage

/// What a child process left behind.
struct ShellResult: Sendable {
    let status: TerminationStatus
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var succeeded: Bool { status == .exited(0) }

    /// The exit code, or 128 + the signal as a shell counts it.
    var code: Int32 {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }

    /// The lines of the output, without the last empty one.
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// Runs a script with `sh -c` in a child of its own, so that no thread of the tests ever touches a mount.
///
/// - Parameters:
///   - seconds: Afterwards the child and its group are killed, and the code is 137.
///   - user: Another user to run as, through setpriv(1).
@discardableResult
func shell(
    _ script: String, within seconds: Int = 60, as user: String? = nil, environment: [String: String] = [:],
    in directory: FilePath? = nil
) async throws -> ShellResult {
    var arguments = ["--kill-after=1", "--signal=KILL", "\(seconds)"]
    if let user {
        arguments += ["setpriv", "--reuid=\(user)", "--regid=nogroup", "--clear-groups"]
    }
    arguments += ["sh", "-c", script]
    var variables: [Environment.Key: String?] = [:]
    for (name, value) in environment {
        variables[Environment.Key(stringLiteral: name)] = value
    }
    let result = try await run(
        .name("timeout"), arguments: Arguments(arguments), environment: .inherit.updating(variables),
        workingDirectory: directory, input: .none, output: .bytes(limit: 64 << 20), error: .string(limit: 1 << 20))
    return ShellResult(
        status: result.terminationStatus, output: result.standardOutput, errors: result.standardError)
}

/// Quotes one word for `sh`.
func quoted(_ word: String) -> String {
    "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
