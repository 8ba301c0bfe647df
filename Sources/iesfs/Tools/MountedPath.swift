// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import IESMount
import SystemPackage

/// A path under a mount of ours, which need not exist: it may be a pattern.
struct MountedPath: Hashable, Sendable {
    let mount: MountRecord
    /// Below the root of what is mounted.
    let inside: String

    /// Finds the mount by the mount table; the path itself is touched only where it leads there by symbolic links.
    init(_ given: String, in table: MountTable, workingDirectory: String) throws(ProgramError) {
        var path = FilePath(given)
        if path.isRelative { path = FilePath(workingDirectory).pushing(path) }
        path.lexicallyNormalize()
        if let found = Self.find(path, in: table) ?? Self.find(Self.resolved(path), in: table) {
            self = found
            return
        }
        throw ProgramError("\(given) is not under a mount of iesfs", status: .usage)
    }

    private init(mount: MountRecord, inside: String) {
        self.mount = mount
        self.inside = inside
    }

    private static func find(_ path: FilePath, in table: MountTable) -> MountedPath? {
        guard let mount = table.walk(to: path).last, mount.isOurs else { return nil }
        let below = path.components.dropFirst(mount.path.components.count).map(\.string)
        // A bind mount shows a directory of it.
        let inside = mount.root.components.map(\.string) + below
        return MountedPath(mount: mount, inside: inside.joined(separator: "/"))
    }

    /// With the symbolic links of the longest part that exists followed.
    private static func resolved(_ path: FilePath) -> FilePath {
        var (front, rest) = (path, [FilePath.Component]())
        while !front.components.isEmpty {
            if let real = realpath(front.string, nil) {
                defer { free(real) }
                var resolved = FilePath(platformString: real)
                for component in rest { resolved.append(component) }
                return resolved
            }
            if let last = front.lastComponent { rest.insert(last, at: 0) }
            front.removeLastComponent()
        }
        return path
    }
}

extension MountedPath {
    /// What is to be asked of which mount, in the order in which the mounts come.
    static func grouped(_ paths: [String]) throws(ProgramError) -> [(mount: MountRecord, inside: [String])] {
        let table: MountTable
        do throws(MountError) {
            table = try MountTable.current()
        } catch {
            throw ProgramError(error.description)
        }
        let directory = FileManager.default.currentDirectoryPath
        var groups: [(mount: MountRecord, inside: [String])] = []
        for path in paths {
            let found = try MountedPath(path, in: table, workingDirectory: directory)
            if let index = groups.firstIndex(where: { $0.mount.device == found.mount.device }) {
                groups[index].inside.append(found.inside)
            } else {
                groups.append((found.mount, [found.inside]))
            }
        }
        return groups
    }
}
