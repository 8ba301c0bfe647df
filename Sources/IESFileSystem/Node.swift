// SPDX-License-Identifier: Apache-2.0

import IESService

/// What an inode number stands for.
///
/// Path and variant together make the number (`InodeNumber.preferred`), so equal nodes have equal
/// numbers in every run; and the node follows from them, so that a number found in the index only is
/// understood.
enum Node: Hashable, Sendable {
    case root
    case project(ProjectID)
    /// The directory of symbolic links by file name.
    case links(of: ProjectID)
    case link(in: ProjectID, name: String, target: TaskID)
    /// One version of a result's content.
    case result(ResultID, version: Int)
    /// A result that was refused with a message of `size` bytes. Each size has a number of its own,
    /// because an inode's size, once told, never changes.
    case refused(ResultID, size: Int64)
    case statusDirectory
    case status(StatusFile)

    /// The files of `/.iesfs`.
    enum StatusFile: String, CaseIterable, Sendable { case status, errors }

    static let statusDirectoryName = ".iesfs"
    static let linksDirectoryName = ".by-name"

    /// The path below the mountpoint, beginning with a slash.
    var path: String {
        switch self {
        case .root: "/"
        case .project(let project): "/\(project)"
        case .links(let project): "/\(project)/\(Self.linksDirectoryName)"
        case .link(let project, let name, _): "/\(project)/\(Self.linksDirectoryName)/\(name)"
        case .result(let id, _), .refused(let id, _): "/\(id)"
        case .statusDirectory: "/\(Self.statusDirectoryName)"
        case .status(let file): "/\(Self.statusDirectoryName)/\(file.rawValue)"
        }
    }

    /// What tells apart the inodes that one path may have.
    var variant: String {
        switch self {
        case .root, .project, .links, .statusDirectory, .status: ""
        case .link(_, _, let target): target.rawValue
        case .result(_, let version): "version \(version)"
        case .refused(_, let size): "refused \(size)"
        }
    }

    var kind: Attributes.Kind {
        switch self {
        case .root, .project, .links, .statusDirectory: .directory
        case .result, .refused, .status: .file
        case .link: .symbolicLink
        }
    }

    /// The result behind a file.
    var resultID: ResultID? {
        switch self {
        case .result(let id, _), .refused(let id, _): id
        default: nil
        }
    }
}

extension Node {
    /// The node of a path and a variant, as `path` and `variant` give them; nil for any others.
    init?(path: String, variant: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard let node = Self.node(parts, variant), node.path == path, node.variant == variant else { return nil }
        self = node
    }

    private static func node(_ parts: [String], _ variant: String) -> Node? {
        if parts.isEmpty { return .root }
        if parts[0] == statusDirectoryName {
            return parts.count == 1 ? .statusDirectory : StatusFile(rawValue: parts[1]).map { .status($0) }
        }
        guard let project = ProjectID(rawValue: parts[0]) else { return nil }
        if parts.count == 1 { return .project(project) }
        if parts[1] == linksDirectoryName {
            if parts.count == 2 { return .links(of: project) }
            return TaskID(rawValue: variant).map { .link(in: project, name: parts[2], target: $0) }
        }
        guard let task = TaskID(rawValue: parts[1]) else { return nil }
        let id = ResultID(project: project, task: task)
        let words = variant.split(separator: " ")
        switch (words.first, words.last.flatMap { Int64($0) }) {
        case ("version", let number?): return .result(id, version: Int(number))
        case ("refused", let number?): return .refused(id, size: number)
        default: return nil
        }
    }
}
