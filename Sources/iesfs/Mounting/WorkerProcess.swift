// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESTakeover
import SystemPackage

/// The worker as its holder sees it: a process, a socket, and what it writes on standard error.
struct WorkerProcess {
    /// What the worker finds at which descriptor.
    enum Inherited {
        static let control = ChildProcess.firstDescriptor
        static let device = ChildProcess.firstDescriptor + 1
        static let lock = ChildProcess.firstDescriptor + 2
        static let record = ChildProcess.firstDescriptor + 3
        /// Its own program file, to be closed.
        static let executable = ChildProcess.firstDescriptor + 4
    }

    /// What a worker gets from its holder.
    struct Legacy {
        let device: Int32
        let lock: FileDescriptor
        let record: TakeoverRecord
    }

    let process: ChildProcess
    let executable: Executable
    private let socket: ControlSocket
    /// Nil in the foreground, where the worker shares our standard error.
    private let output: Int32?

    /// Starts a worker. It ends by itself when this process does.
    ///
    /// - Parameter standsBy: It says that it was loaded, and waits for its turn.
    init(
        _ executable: Executable, for job: MountJob, _ legacy: Legacy, inBackground: Bool, standsBy: Bool = false
    ) throws(ProgramError) {
        self.executable = executable
        let (ours, theirs) = try ControlSocket.pair()
        defer { theirs.close() }
        var pipe: [Int32] = [-1, STDERR_FILENO]
        if inBackground, pipe2(&pipe, O_CLOEXEC | O_NONBLOCK) != 0 {
            ours.close()
            throw ProgramError("no pipe for the worker process: \(CurrentError.text)")
        }
        defer { if inBackground { Glibc.close(pipe[1]) } }
        do throws(ProgramError) {
            process = try ChildProcess.start(
                Self.setup(executable, job, legacy, theirs, pipe[1], inBackground: inBackground, standsBy: standsBy))
        } catch {
            ours.close()
            if inBackground { Glibc.close(pipe[0]) }
            throw error
        }
        socket = ours
        output = inBackground ? pipe[0] : nil
    }

    private static func setup(
        _ executable: Executable, _ job: MountJob, _ legacy: Legacy, _ theirs: ControlSocket, _ standardError: Int32,
        inBackground: Bool, standsBy: Bool
    ) -> ChildProcess.Setup {
        ChildProcess.Setup(
            arguments: ["worker", job.source, job.mountpoint, "-o", job.resolved.asArgument]
                + (inBackground ? [] : ["--foreground"]) + (standsBy ? ["--stand-by"] : []),
            descriptors: [theirs.descriptor, legacy.device, legacy.lock.rawValue, legacy.record.descriptor],
            standardError: standardError, hasOwnGroup: true, workingDirectory: "/",
            withheld: [ServiceManager.variable, "WATCHDOG_USEC", "WATCHDOG_PID"], executable: executable,
            blocked: Worker.signals)
    }

    /// To be polled for reading.
    var descriptors: [Int32] {
        // One that has ended would be ready for ever.
        [socket.descriptor, output].compactMap { $0 }.filter { !Poll.hasEnded($0) }
    }

    func tell(_ message: ControlMessage) { socket.send(message) }

    /// To be called once, after the process has ended and everything was read.
    func close() {
        socket.close()
        if let output { Glibc.close(output) }
    }

    /// The messages that have come.
    func messages() -> [ControlMessage] {
        var messages: [ControlMessage] = []
        while true {
            switch socket.receive(waits: false) {
            case .message(let message): messages.append(message)
            case .nothing, .ended: return messages
            }
        }
    }

    /// Lines the worker wrote on standard error: what the runtime says when it crashes.
    func lastWords() -> [String] {
        guard let output else { return [] }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < 65_536 {
            let count = read(output, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }
}
