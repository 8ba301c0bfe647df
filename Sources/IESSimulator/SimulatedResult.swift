// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Glibc
package import IESService

/// One import or export task and the file it leaves behind.
package struct SimulatedResult: Sendable {
    package enum State: Sendable, Hashable {
        case finished
        /// Not finished yet: refused as `Behaviour.running` says.
        case running
        /// Ended without a result: refused as `Behaviour.failed` says.
        case failed
        case refused(Refusal)
    }

    package enum EntityTag: Sendable, Hashable {
        /// A strong one that changes whenever the content is replaced.
        case automatic
        /// Verbatim, quotes included: `"\"v1\""`, `"W/\"v1\""`.
        case text(String)
        case none
    }

    package var task: TaskID
    /// `task_name` of the list.
    package var name: String
    package var content: SimulatedContent {
        didSet { fingerprint = content.lastingFingerprint }
    }
    /// Made once for bytes in memory, since it takes reading them all.
    private var fingerprint: String?
    package var state: State
    package var mediaType: String?
    package var entityTag: EntityTag
    /// `Last-Modified`; nil sends none. A file's own time of change takes its place.
    package var lastModified: Date?
    /// Told in `Content-Disposition`; nil sends none.
    package var filename: String?
    /// `Content-Disposition` verbatim, instead of one made from `filename`.
    package var disposition: String?
    package var details: TaskDetails
    /// Whether the task list shows it; it is found by its id either way.
    package var isListed: Bool
    /// How often the content was replaced; part of the automatic entity tag.
    package internal(set) var revision = 0

    package init(
        _ task: TaskID, name: String? = nil, content: SimulatedContent = .bytes([]), state: State = .finished,
        mediaType: String? = "application/octet-stream", entityTag: EntityTag = .automatic,
        lastModified: Date? = TaskDetails.sampleEnd, filename: String? = nil, disposition: String? = nil,
        details: TaskDetails = TaskDetails(), isListed: Bool = true
    ) {
        self.task = task
        self.name = name ?? "task \(task)"
        self.content = content
        fingerprint = content.lastingFingerprint
        self.state = state
        self.mediaType = mediaType
        self.entityTag = entityTag
        self.lastModified = lastModified
        self.filename = filename
        self.disposition = disposition
        self.details = details
        self.isListed = isListed
    }

    /// The `ETag` field's value.
    package var etag: String? {
        switch entityTag {
        case .automatic: "\"\(fingerprint ?? content.fingerprint)\(revision == 0 ? "" : "-r\(revision)")\""
        case .text(let text): text
        case .none: nil
        }
    }
}

extension SimulatedResult {
    /// `Last-Modified` at this moment.
    var modified: Date? {
        guard lastModified != nil, case .file(let path) = content, let status = ContentReader.status(of: path) else {
            return lastModified
        }
        return Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec))
    }
}

/// What the list and the detail call tell of a task besides its id and name.
package struct TaskDetails: Sendable, Hashable {
    /// 2025-04-10T09:22:47.708Z, the time in the published example.
    package static let sampleEnd = Date(timeIntervalSince1970: 1_744_276_967.708)

    package var resource = "knowledge-intent-question-create"
    package var type = "0"
    /// Nil: a word that fits the state.
    package var status: String?
    package var operatorName = "simulator"
    package var userID = "5f1d7a3c9b2e4860a1c3e5f708192a3b"
    package var begin: Date? = TaskDetails.sampleEnd - 42
    package var end: Date? = TaskDetails.sampleEnd
    package var total = 3
    package var succeeded = 3
    package var failed = 0

    package init() {}
}
