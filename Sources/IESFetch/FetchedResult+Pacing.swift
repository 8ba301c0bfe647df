// SPDX-License-Identifier: Apache-2.0

import IESCache
import Synchronization

/// Keeps what is fetched within what the cache can hold until it is read.
extension FetchedResult {
    /// How far one reader may be read ahead of: two such windows are under way at most.
    var readAheadLimit: Int64 {
        let readers = Int64(max(1, source.openStreams.load(ordering: .relaxed)))
        return max(Self.leastReadAhead, file.readAheadLimit / readers / 2)
    }

    /// So much is worth a request.
    private static let leastReadAhead: Int64 = 128 << 10

    /// Whether a body that comes as a whole would push out of the cache what is to be read next. It goes on when a read
    /// waits.
    func isTooFarAhead(_ position: Int64, _ fetching: Fetching) -> Bool {
        guard fetching.waiting.isEmpty, size > file.readAheadLimit else { return false }
        let readers = Int64(max(1, source.openStreams.load(ordering: .relaxed)))
        return position - furthestRead.load(ordering: .relaxed)
            > max(Self.leastReadAhead, file.readAheadLimit / readers)
    }
}
