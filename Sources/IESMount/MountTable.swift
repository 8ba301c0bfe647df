// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// The mounts of this process's mount name space, and which of them a path leads to.
///
/// Reading it touches no file system but proc, so that a dead, hung or automounted path cannot hold it up.
package struct MountTable: Sendable {
    package let records: [MountRecord]

    /// Reads the text of a mountinfo file. Lines it does not understand are left out.
    package init(parsing text: [UInt8]) {
        records = text.split(separator: UInt8(ascii: "\n")).compactMap { MountRecord(line: $0) }
    }

    /// The mounts as they are now.
    package static func current() throws(MountError) -> MountTable {
        do {
            return MountTable(parsing: try contents(of: "/proc/self/mountinfo"))
        } catch {
            throw MountError(.failed, "The mount table /proc/self/mountinfo cannot be read: \(error)")
        }
    }

    /// The mounts that a walk to `path` enters, the outermost first; the last one holds the path.
    ///
    /// Mounts that lie hidden under another one are not entered.
    ///
    /// - Parameter path: Absolute, without symbolic links and without `.` and `..`.
    package func walk(to path: FilePath) -> [MountRecord] {
        let inside = Dictionary(grouping: records.filter { $0.id != $0.parent }, by: \.parent)
        let ids = Set(records.map(\.id))
        guard var current = records.first(where: { !ids.contains($0.parent) || $0.id == $0.parent }) else { return [] }
        var walked = [current]
        while walked.count <= records.count {
            let next = inside[current.id, default: []].filter { path.starts(with: $0.path) }
                .min { $0.path.components.count < $1.path.components.count }
            guard let next else { break }
            walked.append(next)
            current = next
        }
        return walked
    }

    /// The mounts stacked at exactly this path, the visible one last; empty if nothing is mounted there.
    package func mounts(at path: FilePath) -> [MountRecord] { walk(to: path).filter { $0.path == path } }

    /// What is seen at exactly this path, if something is mounted there.
    package func mount(at path: FilePath) -> MountRecord? { mounts(at: path).last }
}
