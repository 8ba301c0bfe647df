// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESCache
import IESFetch
import IESService

extension FailureDetails {
    /// - Parameter time: When the failure was noticed; a refusal brings its own time.
    init(_ error: FetchError, timeout: Duration, time: FileTime) {
        let cause = FailureCause(error, timeout: timeout)
        if case .service(.refused(let refusal)) = error {
            self.init(
                errno: cause.errno, code: refusal.code, status: refusal.status, requestID: refusal.requestID,
                message: refusal.message, time: FileTime(refusal.time))
        } else {
            self.init(
                errno: cause.errno, code: nil, status: nil, requestID: nil,
                message: Self.sentence(error, timeout: timeout), time: time)
        }
    }

    private static func sentence(_ error: FetchError, timeout: Duration) -> String {
        switch error {
        case .service(.refused(let refusal)): refusal.message
        case .service(.transport(let error)): sentence(error)
        case .service(.credentials(let error)): error.description
        case .service(.malformed(let text)), .service(.contradiction(let text)), .shortBody(let text),
            .contradiction(let text):
            text
        case .service(.deadline), .deadline(received: nil): "The service did not answer in time."
        case .deadline(received: let count?): "The result is still being fetched, \(count) bytes so far. Try again."
        case .changed: "The result has changed on the server. Open it again to read the new one."
        case .tooLarge(let size, let limit):
            "The result has \(size) bytes, the cache may hold \(limit). A larger cache_size is needed."
        case .cache(let error): error.description
        case .cancelled: "The operation was interrupted."
        }
    }

    private static func sentence(_ error: TransportError) -> String {
        switch error {
        case .nameNotResolved(let host): "The host name \(host) could not be resolved."
        case .unreachable(let text): "The service cannot be reached: \(text)"
        case .connectionRefused(let text): "The connection was refused: \(text)"
        case .connectionReset(let text): "The connection was reset: \(text)"
        case .timedOut(.connect): "No connection to the service in time."
        case .timedOut(.response): "The service did not answer in time."
        case .timedOut(.body): "The service stopped sending in the middle of the result."
        case .tls(let text): "The secure connection failed: \(text)"
        case .malformedResponse(let text): "The response breaks HTTP: \(text)"
        case .bodyCutShort(let received): "The connection ended after \(received) bytes, before the end of the result."
        case .proxy(let text): "The proxy did not let the request through: \(text)"
        case .stopped: "The download was stopped."
        case .cancelled: "The operation was interrupted."
        case .other(let text): "The download failed: \(text)"
        }
    }
}

extension FileTime {
    init(_ date: Date) {
        let time = date.timeIntervalSince1970
        let seconds = time.rounded(.down)
        self.init(seconds: Int64(seconds), nanoseconds: Int32(min((time - seconds) * 1e9, 999_999_999)))
    }

    var date: Date { Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9) }

    /// ISO 8601 in UTC, with milliseconds.
    var text: String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}

extension FileSystemError {
    init(_ details: FailureDetails) {
        self.init(details.errno, details.message, failure: details)
    }

    init(_ cause: FailureCause, _ summary: String) {
        self.init(cause.errno, summary)
    }
}
