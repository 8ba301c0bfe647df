// SPDX-License-Identifier: Apache-2.0

/// The service's open questions as switches (facts/ies-api.md sections 3, 5, 12), and its standing speed.
package struct Behaviour: Sendable, Hashable {
    package enum Ranges: String, Sendable, CaseIterable { case honoured, ignored }

    package enum Framing: String, Sendable, CaseIterable {
        /// `Content-Length`.
        case length
        /// `Transfer-Encoding: chunked`.
        case chunked
        /// Neither: the body ends with the connection.
        case untilClose = "until-close"
    }

    package enum IfRange: String, Sendable, CaseIterable {
        /// RFC 9110 section 13.1.5: another validator gets the whole.
        case honoured
        /// The range is served whatever the validator says.
        case ignored
    }

    package enum Paging: String, Sendable, CaseIterable {
        /// `offset` is the index of a page.
        case pageIndex = "page-index"
        /// `offset` is the index of a record.
        case recordOffset = "record-offset"
        /// `offset` and `limit` of the request are ignored: always the first page, told as such.
        case ignored
        /// Always the first page, told as the one that was asked for.
        case looping
    }

    /// The token step of the metadata service.
    package enum MetadataTokens: String, Sendable, CaseIterable {
        /// Given, and keys are given without one too.
        case optional
        /// Nothing is given without one.
        case required
        /// There is no such step.
        case absent
    }

    package enum Redirects: Sendable, Hashable {
        case none
        /// The result call answers 302 to a signed link at the same authority.
        case sameAuthority
        /// … at the server's second port (`SimulatorServer.start(linkPort:)`).
        case otherPort
        /// … at this scheme and authority, such as `https://obs.example.com`.
        case origin(String)
    }

    package var ranges = Ranges.honoured
    /// Whether whole answers carry `Accept-Ranges: bytes`.
    package var announcesRanges = true
    package var framing = Framing.length
    package var ifRange = IfRange.honoured
    /// Whether `If-None-Match` and `If-Modified-Since` are answered with 304.
    package var honoursConditions = true

    package var paging = Paging.recordOffset
    /// `limit` where the request has none (documented default: 10).
    package var pageSize = 10
    package var largestPageSize = 100
    /// Added to the true `count`.
    package var countError = 0
    /// Times and types of a task as JSON numbers, as in the published example, not as text.
    package var numbersInTasks = true

    package var redirects = Redirects.none
    package var linkLifetime = Duration.seconds(300)

    /// What an id gets that no task has.
    package var unknown = Refusal(code: "MSS.10001004", message: "文件不存在")
    package var running = Refusal(code: "MSS.000000001", message: "任务正在执行中，请稍后重试")
    package var failed = Refusal(code: "MSS.000000002", message: "任务执行失败，没有结果文件")
    package var errorShape = Refusal.Shape.documented
    /// Whether answers carry `X-Request-Id`.
    package var sendsRequestID = true

    /// Whether any credentials are asked for; off, everything is answered.
    package var authenticates = true
    /// `X-Sdk-Date` may be this far from the service's clock.
    package var signatureWindow = Duration.seconds(15 * 60)
    /// Whether signed calls must carry `X-Project-Id`.
    package var requiresProjectID = true
    /// Whether five wrong signatures in a row refuse the access key for five minutes.
    package var locksKeys = true

    package var metadataTokens = MetadataTokens.optional
    /// Whether the server has an agency: without one the metadata service has no keys.
    package var hasAgency = true
    /// Of each pair of keys from the metadata service; a new pair is there ten minutes before the end, or after half the
    /// time where that is sooner.
    package var keyLifetime = Duration.seconds(3600)

    /// Before each answer.
    package var latency = Duration.zero
    /// Of each response body; nil for as fast as it goes.
    package var bytesPerSecond: Int?
    /// Calls over this number within a second get 429; nil for no limit.
    package var callsPerSecond: Int?
    /// `Retry-After` of those answers.
    package var retryAfter: RetryAfter = .none
    /// The service's clock against the true one, seen in `Date` and in the check of signatures.
    package var clockSkew = Duration.zero

    package init() {}
}

/// What a throttling answer says about when to try again.
package enum RetryAfter: Sendable, Hashable {
    case none
    case seconds(Int)
    /// As an HTTP date, so long from now.
    case date(Duration)
    /// Verbatim.
    case text(String)
}
