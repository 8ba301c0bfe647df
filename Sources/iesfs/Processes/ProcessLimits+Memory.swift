// SPDX-License-Identifier: Apache-2.0

import SystemPackage

extension ProcessLimits {
    /// What the control groups (version 2) that this process is in let it have, in bytes; nil for no limit.
    static func memory() -> Int64? {
        guard let groups = text(of: "/proc/self/cgroup") else { return nil }
        return memory(groups: groups) { text(of: "/sys/fs/cgroup\($0)/memory.max") }
    }

    /// The lowest limit among a group and those above it.
    ///
    /// - Parameters:
    ///   - groups: The content of `/proc/self/cgroup`.
    ///   - limit: The content of a group's `memory.max`.
    static func memory(groups: String, limit: (String) -> String?) -> Int64? {
        guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        var group = String(line.dropFirst(3))
        var lowest: Int64?
        while true {
            if group == "/" { group = "" }
            let text = limit(group)?.filter { !$0.isWhitespace }
            if let bytes = text.flatMap({ Int64($0) }) { lowest = min(lowest ?? bytes, bytes) }
            guard let slash = group.lastIndex(of: "/") else { return lowest }
            group = String(group[..<slash])
        }
    }

    private static func text(of path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec]) else {
            return nil
        }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 4096)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
