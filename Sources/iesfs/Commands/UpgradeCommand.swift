// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import IESMount
import SystemPackage

/// `iesfs upgrade`: has the program that is installed now take over a mount.
struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Have the iesfs that is installed now answer for a mount; open files stay open.",
        discussion: """
            Credentials are read again too. If the new program does not work, the one before goes on, and this command \
            says why and fails. The small process that holds the mount stays what it is until the next mount.

            Example:
              iesfs upgrade /mnt/ies
            """)

    /// Longer than the holder gives all its steps together.
    private static let patience = HolderPlan.loadTime + HolderPlan.drainTime + HolderPlan.takeOverTime + .seconds(25)

    @Argument(help: "Where the results are mounted.", completion: .directory)
    var mountpoint: String

    func run() throws {
        do throws(MountError) {
            let path = try Mountpoint.located(mountpoint)
            let owner = try MountTable.current().mount(at: path)?.owner
            // Says so where nothing of ours is mounted.
            _ = try FuseConnection(at: path)
            // In a pause between workers nobody says anything.
            let before = try? StatusText(of: path)
            let named = before.flatMap { HolderProcess(id: $0["holder"], at: path, owner: owner) }
            guard let holder = named ?? HolderProcess.find(at: path, owner: owner) else {
                throw MountError(.failed, "The process that holds the mount at \(path) cannot be found.")
            }
            guard kill(holder.id, SIGUSR1) == 0 else {
                throw MountError(.notPermitted, "The mount at \(path) belongs to another user: \(CurrentError.text).")
            }
            try wait(for: path, since: before)
        } catch {
            throw ProgramError(error.description)
        }
    }

    /// - Parameter before: Nil where there was no worker: then whoever serves first tells how it ended.
    private func wait(for path: FilePath, since before: StatusText?) throws(MountError) {
        let clock = ContinuousClock()
        let end = clock.now + Self.patience
        while clock.now < end {
            if let now = try? StatusText(of: path), let upgrades = now["upgrades"], upgrades != before?["upgrades"] {
                let outcome = now["last upgrade"] ?? ""
                guard outcome == "succeeded" else { throw MountError(.failed, "The upgrade \(outcome)") }
                StandardOutput.write("\(path) is served by iesfs \(now["version"] ?? "") now\n")
                return
            }
            usleep(50_000)
        }
        throw MountError(
            .failed,
            "The upgrade has not ended within \(Self.patience.components.seconds) s. The log of the mount says more.")
    }
}
