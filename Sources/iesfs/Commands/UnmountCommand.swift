// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import IESMount

/// `iesfs unmount`
struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Unmount, which ends the process in the background.",
        discussion: """
            Examples:
              iesfs unmount /mnt/ies
              iesfs unmount /mnt/ies --timeout 1m --abort
            """,
        aliases: ["umount"])

    @Argument(help: "Where the results are mounted.", completion: .directory)
    var mountpoint: String

    @Option(help: ArgumentHelp("How long to wait for programs that use it.", valueName: "time"))
    var timeout = "10s"

    @Flag(help: "Then unmount nevertheless: those programs get errors.")
    var abort = false

    func run() throws {
        let limit: Duration
        do {
            limit = try OptionValue.duration(timeout)
        } catch {
            throw ProgramError("--timeout must be \(error.expectation)", status: .usage)
        }
        do {
            try Mounter.unmount(try Mountpoint.located(mountpoint), within: limit, aborts: abort)
        } catch {
            throw ProgramError(error.description)
        }
    }
}
