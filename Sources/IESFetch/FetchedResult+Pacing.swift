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
}
