// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount

/// The command a person typed: starts the holder in the background and waits until the mount answers.
struct Launcher {
    /// Longer than any step of mounting takes by itself.
    static let deadline: Duration = .seconds(30)
    /// For a holder that missed the deadline to clean up.
    private static let farewell: Duration = .seconds(5)

    let job: MountJob

    /// Returns when the mount answers.
    func run() throws(ProgramError) {
        let (ours, theirs) = try ControlSocket.pair()
        defer { ours.close() }
        let holder = try start(reportingTo: theirs)
        try wait(for: holder, at: ours)
    }

    /// Gives the child its end of the socket, so that this process sees when the child has gone.
    private func start(reportingTo socket: ControlSocket) throws(ProgramError) -> ChildProcess {
        defer { socket.close() }
        // It keeps our process group until it has mounted: autofs lets nobody else through to the mountpoint.
        return try ChildProcess.start(
            ChildProcess.Setup(
                arguments: [
                    "mount", job.source, job.mountpoint, "-o", job.resolved.asArgument,
                    "--report-to", String(ChildProcess.firstDescriptor),
                ], descriptors: [socket.descriptor], workingDirectory: "/", withheld: [ServiceManager.variable]))
    }

    private func wait(for holder: ChildProcess, at socket: ControlSocket) throws(ProgramError) {
        let clock = ContinuousClock()
        let end = clock.now + Self.deadline
        var awaited = "the process in the background to begin"
        while Poll.wait(for: [socket.descriptor], timeout: end - clock.now) != nil {
            switch socket.receive(waits: true) {
            case .message(.ready): return
            case .message(.progress(let text)): awaited = text
            case .message(.warning(let text)): StandardError.write("iesfs: warning: \(text)")
            case .message(.failed(let text, let status)):
                _ = holder.waitForEnd()
                throw ProgramError(text, status: status)
            case .message(.unmounted), .message(.loaded), .message(.go), .message(.drain), .nothing: break
            case .ended:
                throw ProgramError("the process in the background \(holder.waitForEnd()) while waiting for \(awaited)")
            }
        }
        holder.signal(SIGTERM)
        let last = clock.now + Self.farewell
        while Poll.wait(for: [socket.descriptor], timeout: last - clock.now) != nil {
            if socket.receive(waits: true) == .ended { break }
        }
        throw ProgramError("gave up after \(Self.deadline.components.seconds) s of waiting for \(awaited)")
    }
}
