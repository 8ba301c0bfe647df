// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import IESCache
import IESMount

/// `iesfs evict`
struct EvictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict",
        abstract: "Give back the space that results take in the cache.",
        discussion: """
            PATH is a result, a project's directory, a mountpoint, or a pattern of any of these, in quotes; with \
            --cache-dir it is PROJECT/TASK, and no mount is needed. What is known of a result stays, and it is fetched \
            again when it is read. The service is not asked.

            A result that is open is given back as well, and its readers fetch again what they need; but one that the \
            kernel reads by itself ("passthrough" in user.ies.state) is refused until it is closed. A pinned result is \
            refused unless --unpin is given.

            Exit status: 0 if all went, 1 if some failed, 64 for a wrong command line.

            Examples:
              iesfs evict /mnt/ies/$project/$task
              iesfs evict --dry-run "/mnt/ies/$project/2f*"
              iesfs evict --unpin /mnt/ies/$project
              iesfs evict --cache-dir /var/cache/iesfs $project/$task
            """)

    @Argument(help: "Results, projects, or patterns.", completion: .file())
    var paths: [String]

    @Flag(help: "Take pins back first.")
    var unpin = false

    @Flag(help: "Only say what would be given back.")
    var dryRun = false

    @Option(
        help: ArgumentHelp("A cache directory; the paths are PROJECT/TASK then.", valueName: "dir"),
        completion: .directory)
    var cacheDir: String?

    @Flag(help: "Say only what fails, and the sum.")
    var quiet = false

    @Flag(help: "Say it in JSON, one object a line.")
    var json = false

    func run() throws {
        let verb = dryRun ? "would be freed" : "freed"
        let report = ToolReport(
            json ? .json : quiet ? .quiet : .lines,
            ToolReport.Wording(
                item: { "\($0.bytes ?? 0) bytes \(verb)" },
                summary: { summary in
                    let results = HumanText.count(summary.results, "result")
                    let failed = summary.failed > 0 ? ", \(summary.failed) failed" : ""
                    return "\(summary.bytes) bytes \(verb), of \(results)\(failed)"
                }))
        if let cacheDir {
            let access = try CacheAccess.find(mountpoint: nil, directory: cacheDir)
            try access.run(request(paths), report)
        } else {
            for (mount, inside) in try MountedPath.grouped(paths) {
                try CacheAccess.mount(mount).run(request(inside), report)
            }
        }
        report.status.end()
    }

    private func request(_ paths: [String]) -> ToolRequest {
        var request = ToolRequest(.evict, paths: paths)
        (request.unpins, request.isTrial) = (unpin, dryRun)
        return request
    }
}
