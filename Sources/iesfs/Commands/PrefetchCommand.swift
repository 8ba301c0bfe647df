// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc
import IESMount

/// `iesfs prefetch`
struct PrefetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefetch",
        abstract: "Bring whole results into the cache, to be read at full speed or without a network.",
        discussion: """
            PATH is a result, a project's directory (all results that it lists), a mountpoint (all projects), or a \
            pattern of any of these, in quotes. The mount fetches several results at a time; what is there already is \
            not fetched again. Returns when all of it is in the cache and verified.

            With --pin the results are never evicted, until 'iesfs evict --unpin'. They may take all of the \
            cache but an eighth, or 256 MiB where that is less; one that would go beyond is refused.

            Exit status: 0 if all are in the cache, 1 if some failed, 64 for a wrong command line, 130 after Ctrl-C, \
            which ends downloads that no reader waits for.

            Examples:
              iesfs prefetch /mnt/ies/$project/$task
              iesfs prefetch --pin /mnt/ies/$project
              iesfs prefetch --jobs 8 '/mnt/ies/*/2f*'
            """)

    @Argument(help: "Results, projects, or patterns.", completion: .file())
    var paths: [String]

    @Flag(help: "Keep them: they are not evicted to make room.")
    var pin = false

    @Option(help: ArgumentHelp("How many results to fetch at a time.", valueName: "n"))
    var jobs = 4

    @Flag(help: "Say only what fails, and the sum.")
    var quiet = false

    @Flag(help: "Say it in JSON, one object a line.")
    var json = false

    func validate() throws {
        guard (1...ToolDesk.mostJobs).contains(jobs) else {
            throw ValidationError("--jobs must be 1 to \(ToolDesk.mostJobs)")
        }
    }

    func run() throws {
        let signals = SignalQueue([SIGINT])
        let report = ToolReport(
            json ? .json : quiet ? .quiet : .lines,
            ToolReport.Wording(
                item: { "\(HumanText.size($0.bytes ?? 0)), \(HumanText.size($0.fetched ?? 0)) of it fetched now" },
                summary: Self.sum))
        for (mount, inside) in try MountedPath.grouped(paths) {
            var request = ToolRequest(.prefetch, paths: inside)
            (request.pins, request.jobs) = (pin, jobs)
            let isDone = try ToolClient.run(request, at: mount, signals: signals) {
                report.take($0, prefix: "\(mount.path)/")
            }
            guard isDone else {
                report.interrupted()
                ExitStatus.interrupted.end()
            }
        }
        report.status.end()
    }

    private static func sum(_ summary: ToolSummary) -> String {
        let results = HumanText.count(summary.results, "result")
        let failed = summary.failed > 0 ? ", \(summary.failed) failed" : ""
        return "\(results) in the cache, \(HumanText.size(summary.bytes)) fetched\(failed)"
    }
}
