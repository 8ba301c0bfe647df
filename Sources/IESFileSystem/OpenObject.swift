// SPDX-License-Identifier: Apache-2.0

import IESFetch
import IESService
import Synchronization

/// What a handle stands for.
enum OpenObject: Sendable {
    case file(OpenResult)
    case text([UInt8])
    case directory(DirectorySnapshot)
}

/// A result that is open: one version of its content, whatever the service has by now.
final class OpenResult: Sendable {
    let id: ResultID
    let inode: InodeNumber
    let content: FetchedResult
    let stream: ReadStream
    /// Whether the last read succeeded, so that its failures have been taken back.
    let hasSucceeded = Atomic(false)

    init(id: ResultID, inode: InodeNumber, content: FetchedResult) {
        self.id = id
        self.inode = inode
        self.content = content
        stream = content.makeStream()
    }
}
