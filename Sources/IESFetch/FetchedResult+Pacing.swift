// SPDX-License-Identifier: Apache-2.0

import IESCache
import Synchronization

/// Keeps what is fetched within what the cache can hold until it is read.
extension FetchedResult {
    /// The widest window of one reader, who has one for each connection and one more under way at most.
    func windowLimit(connections: Int) -> Int64 {
        let readers = Int64(max(1, source.openStreams.load(ordering: .relaxed)))
        return max(Self.leastReadAhead, file.readAheadLimit / readers / Int64(connections + 1))
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
