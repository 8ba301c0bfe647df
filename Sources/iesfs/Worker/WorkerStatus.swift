// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESFileSystem
import IESTakeover

/// What `/.iesfs/status` says of the workers of a mount.
enum WorkerStatus {
    static func lines(_ kept: TakeoverRecord) -> [StatusLine] {
        var lines = [
            StatusLine("mounted since", time(kept.started.seconds)),
            StatusLine("worker generation", String(kept.generation)),
            StatusLine("worker deaths", String(kept.deaths)),
        ]
        if kept.deaths > 0 {
            lines.append(StatusLine("last worker death", "\(time(kept.lastDeathTime)): it \(kept.lastDeath)"))
        }
        if kept.upgrades > 0 {
            let failure = kept.lastUpgradeFailure
            lines.append(StatusLine("upgrades", "\(kept.upgrades), of which \(kept.failedUpgrades) failed"))
            lines.append(StatusLine("last upgrade", failure.isEmpty ? "succeeded" : "failed: \(failure)"))
        }
        return lines
    }

    /// ISO 8601, UTC.
    private static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
