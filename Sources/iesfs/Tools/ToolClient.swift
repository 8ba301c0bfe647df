// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESMount
import SystemPackage

/// A command's side of a tool socket.
enum ToolClient {
    /// A worker says something several times a second while it is at work.
    static let patience: Duration = .seconds(60)

    /// Sends a request and hands each answer on, until the last.
    ///
    /// - Parameter signals: What interrupts: the connection is closed then, which ends the work.
    /// - Returns: False if it was interrupted.
    static func run(
        _ request: ToolRequest, at mount: MountRecord, signals: SignalQueue?, patience: Duration = patience,
        _ take: (ToolAnswer) -> Void
    ) throws(ProgramError) -> Bool {
        let descriptor = try ToolSocket.connect(to: mount)
        defer { close(descriptor) }
        try send(ToolLine.encode(request), to: descriptor, mount)
        var input: [UInt8] = []
        while true {
            let polled = [descriptor] + (signals.map { [$0.descriptor] } ?? [])
            guard let ready = Poll.wait(for: polled, timeout: patience) else {
                throw ProgramError("the mount at \(mount.path) has said nothing for \(patience.components.seconds) s")
            }
            if let signals, ready.contains(signals.descriptor), signals.next() != nil { return false }
            guard ready.contains(descriptor) else { continue }
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &piece, piece.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ProgramError("the mount at \(mount.path) went away before the command had ended")
            }
            input += piece[..<count]
            while let end = input.firstIndex(of: UInt8(ascii: "\n")) {
                let answer = ToolLine.answer(input[..<end])
                input.removeFirst(end + 1)
                guard let answer else {
                    throw ProgramError("the mount at \(mount.path) gives an answer that is not understood")
                }
                take(answer)
                if answer.isLast { return true }
            }
            guard input.count <= ToolLine.longestAnswer else {
                throw ProgramError("the mount at \(mount.path) gives an answer that is too long")
            }
        }
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32, _ mount: MountRecord) throws(ProgramError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            // What it has to say about that is there to be read.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
