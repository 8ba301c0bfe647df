// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// What tells one content of a result from another (RFC 9110 section 8.8), as the service sent it.
package struct Validator: Hashable, Sendable {
    /// With its quotes, and `W/` where it is weak.
    package let etag: String?
    /// The text of the `Last-Modified` field.
    package let lastModified: String?

    package init(etag: String?, lastModified: String?) {
        self.etag = etag
        self.lastModified = lastModified
    }

    /// The value for `If-Range`: a strong entity tag. A date is never strong enough here, since a result that is
    /// written twice within a second keeps it.
    package var strong: String? {
        guard let etag, !etag.hasPrefix("W/") else { return nil }
        return etag
    }
}

/// The service's answer to a request for a result; a refusal is a `ServiceError` instead.
package struct ResultAnswer: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// 206: exactly the bytes that were asked for, cut at the end of the result.
        case part(Range<Int64>, total: Int64)
        /// 200: the whole result, whether or not a range was asked for. Nil: its length shows at its end only.
        case whole(length: Int64?)
        /// 416: the result has no byte of the range.
        case unsatisfiable(total: Int64?)
        /// 304: it is still what the `revalidating` validator names.
        case notModified
    }

    package let kind: Kind
    package let validator: Validator
    /// Lower case, without parameters.
    package let mediaType: String?
    /// From `Content-Disposition`, decoded but not sanitised: it can hold slashes and control characters.
    package let filename: String?
    package let lastModified: Date?
    /// The service's clock.
    package let date: Date?
    /// The URL that was asked for at the endpoint; never a redirect's, which can hold a signature.
    package let url: String

    package init(
        kind: Kind, validator: Validator, mediaType: String?, filename: String?, lastModified: Date?, date: Date?,
        url: String
    ) {
        self.kind = kind
        self.validator = validator
        self.mediaType = mediaType
        self.filename = filename
        self.lastModified = lastModified
        self.date = date
        self.url = url
    }
}

/// Takes one answer, then its bytes. The calls come one at a time, in order; they must not wait.
package protocol ResultReceiver: AnyObject, Sendable {
    /// Called at most once; the result follows for `.part` and `.whole` only.
    ///
    /// - Parameter transfer: Steers this download from any thread, until the call for it has returned.
    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow

    /// The next bytes, in order: 1 to 16,384 of them, valid during the call only. Never more than the answer
    /// promised. After `.pause` the same bytes are handed over again once the transfer is resumed.
    func receive(_ bytes: RawSpan) -> Flow
}
