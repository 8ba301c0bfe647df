// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import IESMount

/// `iesfs status`
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what is mounted, or what one mount says of itself.",
        discussion: """
            The line "service" says whether the service answered when it was last asked; it is not asked for this. What \
            is cached stays readable while it is offline.

            Examples:
              iesfs status
              iesfs status /mnt/ies
              iesfs status /mnt/ies --json
            """)

    @Argument(help: "Where the results are mounted; all mounts if left out.", completion: .directory)
    var mountpoint: String?

    @Flag(help: "Say it in JSON.")
    var json = false

    func run() throws {
        do throws(MountError) {
            if let mountpoint {
                try show(mountpoint)
            } else {
                let records = try MountTable.current().records.filter(\.isOurs)
                guard !json else { return Self.write(records.map { Mounted(source: $0.source, "\($0.path)") }) }
                for record in records { StandardOutput.write("\(record.source) \(record.path)\n") }
            }
        } catch {
            throw ProgramError(error.description)
        }
    }

    private func show(_ mountpoint: String) throws(MountError) {
        let path = try Mountpoint.located(mountpoint)
        // Says so where nothing of ours is mounted.
        _ = try FuseConnection(at: path)
        let status = try StatusText(of: path)
        StandardOutput.write(json ? String(decoding: status.json, as: UTF8.self) : status.text)
    }

    private struct Mounted: Encodable {
        let source, mountpoint: String

        init(source: String, _ mountpoint: String) { (self.source, self.mountpoint) = (source, mountpoint) }
    }

    private static func write(_ mounts: [Mounted]) {
        StandardOutput.write(String(decoding: ToolLine.encode(mounts), as: UTF8.self))
    }
}
