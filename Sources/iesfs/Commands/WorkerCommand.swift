// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// `iesfs worker`: what a holder starts. The descriptors are at the numbers of `WorkerProcess.Inherited`.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Answer the requests to a mount (started by iesfs mount).",
        shouldDisplay: false)

    @Argument var source: String
    @Argument var mountpoint: String
    @Option(name: .customShort("o"), parsing: .unconditionalSingleValue) var options: [String] = []
    @Flag var foreground = false
    @Flag var standBy = false

    func run() throws {
        var status = stat()
        guard fstat(WorkerProcess.Inherited.record, &status) == 0 else {
            throw ProgramError("worker is started by 'iesfs mount' only", status: .usage)
        }
        close(WorkerProcess.Inherited.executable)
        let control = ControlSocket(descriptor: WorkerProcess.Inherited.control)
        do throws(ProgramError) {
            try Worker(job: try job(), control: control, inForeground: foreground, standsBy: standBy).run().end()
        } catch {
            control.send(.failed(error.description, error.status))
            error.status.end()
        }
    }

    private func job() throws(ProgramError) -> MountJob {
        let resolved: ResolvedOptions
        do {
            resolved = try ResolvedOptions(arguments: options, workingDirectory: "/")
        } catch {
            throw ProgramError(error.description, status: .usage)
        }
        return try MountJob(
            source: source, locatedMountpoint: mountpoint, resolved: resolved,
            environment: ProcessEnvironment.current)
    }
}
