// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Where messages go.
enum LogDestination: Hashable, Sendable, CustomStringConvertible {
    case standardError
    /// The system's journal, or its syslog where there is none.
    case journal
    /// Appended to; opened anew on SIGHUP.
    case file(String)

    /// `stderr`, `journal` or a path, which must be absolute.
    init(_ text: String) throws(InvalidValue) {
        switch text {
        case "stderr": self = .standardError
        case "journal", "syslog": self = .journal
        case let path where path.hasPrefix("/"): self = .file(path)
        default: throw InvalidValue(expectation: "journal, stderr or the path of a file that starts with /")
        }
    }

    var description: String {
        switch self {
        case .standardError: "stderr"
        case .journal: "journal"
        case .file(let path): path
        }
    }

    /// Where a mount in the background writes if nothing else was said: the journal if there is one,
    /// else a file of the user.
    static func standard(
        isRoot: Bool, environment: [String: String], hasJournal: Bool = SystemLog.isPresent
    ) -> LogDestination {
        if hasJournal { return .journal }
        if isRoot { return .file("/var/log/iesfs.log") }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return .file("\(state)/iesfs/iesfs.log") }
        let home = environment["HOME"] ?? ""
        return .file(home.hasPrefix("/") ? "\(home)/.local/state/iesfs/iesfs.log" : "/tmp/iesfs-\(getuidText()).log")
    }

    private static func getuidText() -> String { String(CurrentUser.id) }
}
