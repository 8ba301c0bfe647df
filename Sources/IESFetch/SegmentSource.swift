// SPDX-License-Identifier: Apache-2.0

import IESService
import Synchronization

/// The one place where bytes of a result are asked for: today always the service.
final class SegmentSource: Sendable {
    let client: ServiceClient
    private let timeout: Duration
    private let ignoresRanges = Atomic<Bool>(false)
    /// Open files that read, of all results.
    let openStreams = Atomic(0)

    init(client: ServiceClient, timeout: Duration) {
        self.client = client
        self.timeout = timeout
    }

    /// The service answered a ranged request with the whole: none is made any more.
    func rangesAreIgnored() { ignoresRanges.store(true, ordering: .relaxed) }

    var honoursRanges: Bool { !ignoresRanges.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - range: Nil for the whole.
    ///   - outlastsOutages: The service is known to have it, and a reader is in the middle of it.
    func fetch(
        _ id: ResultID, range: Range<Int64>?, ifRange: Validator?, ticket: RequestTicket, outlastsOutages: Bool = false,
        into receiver: some ResultReceiver
    ) async throws(ServiceFailure) {
        let ifRange = range == nil || ifRange?.strong == nil ? nil : ifRange
        try await client.result(
            id, range: range, ifRange: ifRange, ticket: ticket, outlastsOutages: outlastsOutages,
            deadline: .now + timeout, receiver: receiver)
    }
}
