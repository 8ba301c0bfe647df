// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// Carries HTTP exchanges: libcurl in the program, the simulator in tests.
package protocol Transport: Sendable {
    /// Sends `request` and hands its response to `receiver` as it arrives.
    ///
    /// Returns when the body is complete as its framing says. Cancelling the calling task ends the
    /// exchange at once with `.cancelled`, whatever the network does. Redirects are not followed.
    func exchange(
        _ request: TransportRequest, with receiver: some ResponseReceiver
    ) async throws(TransportError)
}

/// Takes one response: first its head, then the body piece by piece.
///
/// The calls come one at a time, in order, on a thread of the transport; they must not wait.
package protocol ResponseReceiver: AnyObject, Sendable {
    /// The final response (after any 1xx and any proxy's own), with every header field as it was
    /// received, duplicates included and in order.
    ///
    /// - Parameter transfer: Steers this exchange from any thread, until it has ended.
    func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow

    /// The next bytes of the body: 1 to 16,384 of them, valid during the call only.
    ///
    /// After `.pause` the same bytes are handed over again once the transfer is resumed.
    func receive(_ bytes: RawSpan) -> Flow
}

/// What a receiver wants next.
package enum Flow: Sendable {
    case proceed
    /// Take nothing more from the network until `Transfer.resume()`. The stall deadline rests meanwhile.
    case pause
    /// The exchange has served its purpose: end it with `TransportError.stopped`.
    case stop
}

/// One exchange under way. Both calls may come from any thread, at any time, and do not wait.
package protocol Transfer: AnyObject, Sendable {
    /// Takes back a `.pause`; harmless when not paused. Safe against the race with a `.pause` that
    /// is just being returned: a resume after the call has begun is not lost.
    func resume()

    /// Ends the exchange with `TransportError.stopped`.
    func stop()
}

/// A request, complete but for what the transport itself adds (`Connection` and the like).
package struct TransportRequest: Sendable, CustomStringConvertible {
    /// Method, scheme, authority, path with query (sent byte for byte) and the fields to send.
    package var head: HTTPRequest
    package var body: [UInt8]
    /// HTTP/1.1 only: parallel ranges of a result need connections of their own.
    package var requiresHTTP1: Bool
    /// Goes straight to the host, whatever proxy is set or in the environment.
    package var avoidsProxy = false
    /// The longest wait for a connection, name resolution and TLS included.
    package var connectTimeout: Duration
    /// The longest time without a byte from the network, counted from the start of the request.
    package var stallTimeout: Duration

    package init(
        head: HTTPRequest, body: [UInt8] = [], requiresHTTP1: Bool, connectTimeout: Duration, stallTimeout: Duration
    ) {
        self.head = head
        self.body = body
        self.requiresHTTP1 = requiresHTTP1
        self.connectTimeout = connectTimeout
        self.stallTimeout = stallTimeout
    }

    /// Method, scheme, host and path; never a header field, and no query, since those can hold secrets.
    package var description: String {
        let path = (head.path ?? "/").prefix { $0 != "?" }
        return "\(head.method) \(head.scheme ?? "")://\(head.authority ?? "")\(path)"
    }
}

/// Why there is no whole response.
package enum TransportError: Error, Hashable, Sendable {
    /// The host name has no address.
    case nameNotResolved(host: String)
    /// No route to the host or its network.
    case unreachable(String)
    case connectionRefused(String)
    /// The peer ended the connection before the response was complete.
    case connectionReset(String)
    /// No connection within `connectTimeout`, or no byte within `stallTimeout`.
    case timedOut(Phase)
    /// The peer's certificate was not verified, or TLS itself failed.
    case tls(String)
    /// The response breaks HTTP: headers too large, no status line, bad chunk, unusable lengths.
    case malformedResponse(String)
    /// The connection ended cleanly, in the middle of a body of known length or of a chunk.
    case bodyCutShort(received: Int64)
    /// The proxy did not let the request through.
    case proxy(String)
    /// The receiver or `Transfer.stop()` ended it.
    case stopped
    /// The calling task was cancelled.
    case cancelled
    /// Anything else libcurl reports, in its words.
    case other(String)

    package enum Phase: Hashable, Sendable { case connect, response, body }
}
