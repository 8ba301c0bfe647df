// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import IESMount

/// `iesfs status`
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what is mounted, or what one mount says of itself.")

    @Argument(help: "Where the results are mounted; all mounts if left out.", completion: .directory)
    var mountpoint: String?

    func run() throws {
        do throws(MountError) {
            if let mountpoint {
                try show(mountpoint)
            } else {
                for record in try MountTable.current().records where record.isOurs {
                    StandardOutput.write("\(record.source) \(record.path)\n")
                }
            }
        } catch {
            throw ProgramError(error.description)
        }
    }

    private func show(_ mountpoint: String) throws(MountError) {
        let path = try Mountpoint.located(mountpoint)
        // Says so where nothing of ours is mounted.
        _ = try FuseConnection(at: path)
        guard let text = try? Data(contentsOf: URL(filePath: "\(path)/.iesfs/status")) else {
            throw MountError(
                .failed, "The mount at \(path) does not answer: its daemon has gone. Mount it again, or unmount it.")
        }
        StandardOutput.write(String(decoding: text, as: UTF8.self))
    }
}
