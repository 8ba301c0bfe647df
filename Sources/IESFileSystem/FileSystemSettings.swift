// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import IESService

/// How the mount looks, and where time comes from.
package struct FileSystemSettings: Sendable {
    package var userID: UInt32 = 0
    package var groupID: UInt32 = 0
    /// Permission bits to take off.
    package var umask: UInt16 = 0
    /// How long a project's task list holds.
    package var listTTL: Duration = .seconds(60)
    /// How long a failed listing is not tried again.
    package var errorTTL: Duration = .seconds(5)
    /// The longest wait for a task list.
    package var timeout: Duration = .seconds(30)
    /// How long opening a directory waits for a new list while an old one is there to show.
    package var listPatience: Duration = .seconds(1)
    /// The only projects there are; empty: any.
    package var projects: [ProjectID] = []
    /// False: the service is never asked for task lists.
    package var listsTasks = true
    /// What `/.iesfs/status` calls the program.
    package var version = "unknown"

    /// The wall clock.
    package var now: @Sendable () -> FileTime = { FileTime(Date()) }
    /// The clock of time limits.
    package var instant: @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    /// Waits; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    package init() {}

    /// How long the kernel may keep the attributes and the name of a finished result, which never change.
    static let resultTimeout: Duration = .seconds(3600)
}

/// A line of `/.iesfs/status`: `name: value`.
package struct StatusLine: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}
