// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Programs as they are on the machine: what they say is the outside judgement the tests want.
struct Command: Sendable {
    let status: Int32
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// Runs a program found by `env`, `input` on its standard input.
    static func run(_ arguments: String..., input: [UInt8] = []) async throws -> Command {
        try await run(arguments, input: input)
    }

    static func run(_ arguments: [String], input: [UInt8] = []) async throws -> Command {
        let folder = try TemporaryFolder()
        let (inputFile, outputFile, errorFile) = (folder["in"], folder["out"], folder["err"])
        try Data(input).write(to: URL(filePath: inputFile))
        for file in [outputFile, errorFile] { try Data().write(to: URL(filePath: file)) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardInput = FileHandle(forReadingAtPath: inputFile)
        process.standardOutput = FileHandle(forWritingAtPath: outputFile)
        process.standardError = FileHandle(forWritingAtPath: errorFile)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        let errors = try Data(contentsOf: URL(filePath: errorFile))
        return Command(
            status: process.terminationStatus, output: Array(try Data(contentsOf: URL(filePath: outputFile))),
            errors: String(decoding: errors, as: UTF8.self))
    }

    static func python(_ program: String, _ arguments: String..., input: [UInt8] = []) async throws -> Command {
        try await run(["python3", "-c", program] + arguments, input: input)
    }
}

/// A folder that goes with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "iessimulator-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        try Data(bytes).write(to: URL(filePath: self[name]))
        return self[name]
    }
}
