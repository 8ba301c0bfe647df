// SPDX-License-Identifier: Apache-2.0

import IESService

/// What an inode number stands for.
///
/// Path and variant together make the number (`InodeNumber.preferred`), so equal nodes have equal
/// numbers in every run.
enum Node: Hashable, Sendable {
    case root
    case project(ProjectID)
    case links(of: ProjectID)
    case link(ProjectID, name: String, target: TaskID)
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

    /// What tells apart the inodes one path may have.
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

    /// The result behind a file, for its attributes.
    var resultID: ResultID? {
        switch self {
        case .result(let id, _), .refused(let id, _): id
        default: nil
        }
    }
}
