// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// `iesfs`: the command line.
@main
struct Program: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "iesfs",
        abstract: "Mounts the results of MetaStudio import and export tasks as read-only files.",
        discussion: """
            A result is the file MOUNTPOINT/<project_id>/<task_id>. It is downloaded as it is read, and kept in a \
            cache on the local disk.

            Exit status: 0 if it worked, 1 if not, 64 if the command line or the configuration is wrong, 130 after Ctrl-C.

            Examples:
              iesfs mount cn-north-4 /mnt/ies
              iesfs mount cn-north-4 /mnt/ies -o allow_other,cache_size=50G
              iesfs prefetch /mnt/ies/PROJECT/TASK
              iesfs unmount /mnt/ies
              iesfs doctor cn-north-4
              iesfs simulate
            """,
        version: version,
        subcommands: [
            MountCommand.self, UnmountCommand.self, StatusCommand.self, UpgradeCommand.self, PrefetchCommand.self,
            EvictCommand.self, CacheCommand.self, DoctorCommand.self, SimulateCommand.self, WorkerCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as ProgramError {
            StandardError.write("iesfs: \(error)")
            error.status.end()
        } catch let status as ExitCode {
            Glibc.exit(status.rawValue)
        } catch  where exitCode(for: error) == .success {
            Self.exit(withError: error)
        } catch {
            StandardError.write("iesfs: \(message(for: error))")
            StandardError.write("Try 'iesfs --help', or 'iesfs COMMAND --help'.")
            ExitStatus.usage.end()
        }
    }
}
