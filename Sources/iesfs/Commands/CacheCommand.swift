// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import IESCache

/// `iesfs cache`
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look at a cache, verify it, or empty it.",
        discussion: """
            Works beside a running mount, and without one on the cache directory itself: the one given, or else the one \
            that a mount would use.

            Examples:
              iesfs cache info
              iesfs cache info /mnt/ies --json
              iesfs cache verify --cache-dir /var/cache/iesfs
              iesfs cache clear /mnt/ies
            """,
        subcommands: [CacheInfoCommand.self, CacheVerifyCommand.self, CacheClearCommand.self])
}

/// Which cache, and how to say what of it.
struct CacheChoice: ParsableArguments {
    @Argument(help: "Where the results are mounted.", completion: .directory)
    var mountpoint: String?

    @Option(help: ArgumentHelp("The cache directory.", valueName: "dir"), completion: .directory)
    var cacheDir: String?

    @Flag(help: "Say it in JSON, one object a line.")
    var json = false

    func run(_ request: ToolRequest, _ wording: ToolReport.Wording) throws -> Never {
        let report = ToolReport(json ? .json : .lines, wording)
        try CacheAccess.find(mountpoint: mountpoint, directory: cacheDir).run(request, report)
        report.status.end()
    }
}

/// `iesfs cache info`
struct CacheInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Say where the cache is, how full, and in what health.")

    @OptionGroup var choice: CacheChoice

    func run() throws {
        try choice.run(
            ToolRequest(.info),
            ToolReport.Wording(
                item: { _ in nil }, summary: { $0.cache.map(Self.lines)?.joined(separator: "\n") ?? "nothing is known" }
            ))
    }

    private static func lines(_ cache: CacheInformation) -> [String] {
        func size(_ bytes: Int64) -> String { "\(bytes) bytes (\(HumanText.size(bytes)))" }
        return [
            "directory: \(cache.directory)",
            "limit: \(size(cache.limit))",
            "limit in force: \(size(cache.limitInForce))",
            "used: \(size(cache.used))",
            "disk free: \(size(cache.diskFree))",
            "results: \(cache.results), of which \(cache.complete) complete and \(cache.pinnedResults) pinned",
            "pinned: \(size(cache.pinned))",
            "block size: \(cache.blockSize) bytes",
            "format: \(cache.format)",
            "health: disk \(cache.health), \(cache.damagedBlocks) blocks found damaged",
        ]
    }
}

/// `iesfs cache verify`
struct CacheVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every block in the cache and compare its checksum.",
        discussion: """
            A block that is wrong is dropped, to be fetched again when it is read.

            Exit status: 0 if every block was right, 1 if any was wrong.
            """)

    @OptionGroup var choice: CacheChoice

    func run() throws {
        try choice.run(
            ToolRequest(.verify),
            ToolReport.Wording(
                item: { _ in nil },
                summary: { summary in
                    let wrong = summary.wrongBlocks ?? 0
                    let damaged = HumanText.count(wrong, "block")
                    let found = wrong == 0 ? "all right" : "\(damaged) wrong and dropped"
                    return
                        "\(HumanText.count(summary.results, "result")), \(HumanText.size(summary.bytes)) read: \(found)"
                }))
    }
}

/// `iesfs cache clear`
struct CacheClearCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "Give back the space of all results in the cache.",
        discussion: """
            Asks nothing. Results that are open are kept, and so are pinned ones unless --unpin is given; it says which. \
            What is known of the results (names, sizes, inode numbers) stays.

            Exit status: 0 if nothing was kept that is open, 1 otherwise.
            """)

    @OptionGroup var choice: CacheChoice

    @Flag(help: "Pinned results too, and take the pins back.")
    var unpin = false

    @Flag(help: "Only say what would be given back.")
    var dryRun = false

    func run() throws {
        var request = ToolRequest(.clear)
        (request.unpins, request.isTrial) = (unpin, dryRun)
        let verb = dryRun ? "would be freed" : "freed"
        try choice.run(
            request,
            ToolReport.Wording(
                item: { _ in nil },
                summary: { summary in
                    let kept = summary.failed > 0 ? ", \(summary.failed) kept because they are open" : ""
                    let results = HumanText.count(summary.results, "result")
                    return "\(summary.bytes) bytes \(verb), of \(results)\(kept)"
                }))
    }
}
