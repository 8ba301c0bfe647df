// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import Synchronization

extension ResultFileSystem {
    /// The text of a file of `/.iesfs`, as it is now.
    func text(of file: Node.StatusFile) -> [UInt8] {
        switch file {
        case .status: Array(statusLines.map { "\($0.name): \($0.value)\n" }.joined().utf8)
        case .errors: failures.book.withLock { $0.journal.text }
        }
    }

    private var statusLines: [StatusLine] {
        let usage = cache.usage()
        let uptime = settings.instant() - startedInstant
        return [
            StatusLine("version", settings.version),
            StatusLine("endpoint", endpoint.description),
            StatusLine("service", serviceStanding),
            StatusLine("uptime", "\(uptime.components.seconds) s"),
            StatusLine("cache limit", "\(usage.limit) bytes"),
            StatusLine("cache limit in force", "\(usage.effectiveLimit) bytes"),
            StatusLine("cache used", "\(usage.used) bytes"),
            StatusLine("cache pinned", "\(usage.pinned) bytes"),
            StatusLine("cache pinned results", "\(usage.pinnedResults)"),
            StatusLine("cache disk free", "\(usage.diskFree) bytes"),
            StatusLine("cache disk", usage.disk.rawValue),
            StatusLine("cache memory", "\(usage.memoryUsed) of \(usage.memoryLimit) bytes"),
            StatusLine("cache evicted", "\(usage.evicted) bytes"),
            StatusLine("cache blocks damaged", "\(usage.damagedBlocks)"),
            StatusLine("inodes known to the kernel", "\(inodes.withLock { $0.count })"),
            StatusLine("open handles", "\(handles.withLock { $0.count })"),
            StatusLine("passthrough", passthrough.status),
            StatusLine("failures since the mount", "\(failures.book.withLock { $0.journal.total })"),
        ] + moreStatus()
    }

    private var serviceStanding: String {
        switch health.standing {
        case .unknown: return "not asked yet"
        case .reachable(let time): return "reachable, last answer \(FileTime(time).text)"
        case .offline(let since, let failure):
            let details = FailureDetails(.service(failure), timeout: settings.timeout, time: FileTime(since))
            let message = details.message.map { $0.isNewline ? " " : String($0) }.joined()
            return "offline since \(FileTime(since).text), last failure \(details.errno.symbol): \(message) "
                + "What is cached stays readable."
        }
    }
}
