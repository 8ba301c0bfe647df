// SPDX-License-Identifier: Apache-2.0

import IESMount
import SystemPackage

/// The mounts of this host, and whether each answers.
enum MountFindings {
    /// A status is made from memory: one that takes longer does not come.
    private static let patience: Duration = .seconds(3)

    static func all() -> [Finding] {
        let records: [MountRecord]
        do {
            records = try MountTable.current().records.filter(\.isOurs)
        } catch {
            return [.failed(.mounts, "mount table", error.description, advice: "see whether /proc is mounted")]
        }
        guard !records.isEmpty else { return [.note(.mounts, "mounts", "none")] }
        return records.map { record in
            let path = record.path.appending(".iesfs").appending("status")
            let status = Bounded.run(within: patience) { () -> Result<String, Errno> in
                do {
                    return .success(try SmallText.read(path))
                } catch {
                    return .failure((error as? Errno) ?? .ioError)
                }
            }
            return judge(path: record.path.string, source: record.source, status)
        }
    }

    private static let shown = [
        "service", "passthrough", "cache disk", "failures since the mount", "uptime", "worker generation",
        "last worker death",
    ]

    /// - Parameter status: What its status file holds, or why it cannot be read; nil: it did not answer.
    static func judge(path: String, source: String, _ status: Result<String, Errno>?) -> Finding {
        switch status {
        case .success(let text)?:
            let lines = StatusText(text)
            let shown = shown.compactMap { name in lines[name].map { "\(name): \($0)" } }
            return .ok(.mounts, path, ([source] + shown).joined(separator: "; "))
        case .failure(.permissionDenied)?:
            return .note(.mounts, path, "\(source); belongs to another user, who alone can ask it")
        case .failure(let error)?:
            return .failed(
                .mounts, path, "\(source); does not answer: \(CurrentError.text(of: error.rawValue))",
                advice: "its daemon has gone: unmount it with 'iesfs unmount \(path)' and mount it again")
        case nil:
            return .failed(
                .mounts, path, "\(source); no answer within \(patience.components.seconds) s",
                advice: "its daemon hangs: see its log, then 'iesfs unmount \(path) --abort', and mount it again")
        }
    }
}
