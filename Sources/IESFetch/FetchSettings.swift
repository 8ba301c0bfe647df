// SPDX-License-Identifier: Apache-2.0

/// How results are fetched.
package struct FetchSettings: Sendable {
    /// The longest wait of a read without a byte arriving; of a body of unknown length, the longest wait in all.
    package var timeout: Duration = .seconds(30)
    /// How long a failed probe is answered from memory.
    package var errorTTL: Duration = .seconds(5)
    /// As above, for a name the service does not let these credentials see (MSS.000000004): asking again soon
    /// counts against the key.
    package var deniedTTL: Duration = .seconds(60)
    /// How long after its failure a range fails at once: the kernel asks again for the first page of a failed
    /// read-ahead, and a reader would wait twice.
    package var rangeFailureTTL: Duration = .seconds(1)
    /// Bytes the first request asks for: size, type and the beginning in one round trip.
    package var probe: Int64 = 64 << 10
    /// The most that one request brings ahead of a reader, so about what each connection may be ahead.
    package var readAhead: Int64 = largestReadAhead
    /// Bytes at the end of a result that are fetched together, when one of the last is read: archives have their
    /// list of members there, and read it in small pieces.
    package var tail: Int64 = 1 << 20
    /// How long a download goes on after its last reader has left: `cp` tried again finds it under way.
    package var linger: Duration = .seconds(2)
    /// How long the body behind a probe is held for an `open` that usually follows a `stat`.
    package var hold: Duration = .seconds(5)
    /// Bytes taken of such a body before it is paused.
    package var holdBytes: Int64 = 1 << 20
    /// The age from which on an open asks whether a result is still the same; nil: results do not change.
    package var revalidate: Duration?
    /// Downloads of one result at a time, at most.
    package var connectionsPerResult = 8
    /// Downloads at a time, at most.
    package var connections = 16

    /// More in one request makes none fewer that matters, and a broken one dearer.
    package static let largestReadAhead: Int64 = 64 << 20

    package init() {}
}
