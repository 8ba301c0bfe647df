// SPDX-License-Identifier: Apache-2.0

/// The text of an id that names a project or a task: 1 to 128 characters of `A-Z a-z 0-9 . _ -`,
/// not starting with `.` or `-`.
///
/// The service documents ids only as strings; every published one has this form. Whatever else is
/// asked for (`.Trash`, `..`, a name with a slash) is refused here, before any URL is built.
package enum IdentifierForm {
    package static let lengths = 1...128

    package static func matches(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard lengths.contains(bytes.count), let first = bytes.first else { return false }
        return first != UInt8(ascii: ".") && first != UInt8(ascii: "-") && bytes.allSatisfy(isAllowed)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// The id of a project, the first component of a path below the mountpoint.
package struct ProjectID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Nil unless `rawValue` has the form of an id (`IdentifierForm`).
    package init?(rawValue: String) {
        guard IdentifierForm.matches(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    package var description: String { rawValue }
}

/// The id of an import or export task, whose result is a file of that name.
package struct TaskID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Nil unless `rawValue` has the form of an id (`IdentifierForm`).
    package init?(rawValue: String) {
        guard IdentifierForm.matches(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    package var description: String { rawValue }
}

/// Which result: a task of a project.
package struct ResultID: Hashable, Sendable, CustomStringConvertible {
    package let project: ProjectID
    package let task: TaskID

    package init(project: ProjectID, task: TaskID) {
        self.project = project
        self.task = task
    }

    /// `<project_id>/<task_id>`, the path below the mountpoint.
    package var description: String { "\(project)/\(task)" }
}
