// SPDX-License-Identifier: Apache-2.0

/// What a result is known by: the identifiers of its project and its task, as the service spells them.
package struct ResultKey: Hashable, Sendable {
    package let project: String
    package let task: String

    package init(project: String, task: String) {
        self.project = project
        self.task = task
    }
}

/// A point in time, in seconds and nanoseconds since 1970-01-01 00:00:00 UTC.
package struct Timestamp: Hashable, Sendable, Comparable {
    package let seconds: Int64
    /// 0 to 999,999,999.
    package let nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// What is known of a result's content besides its size, before the cache has given it a version.
package struct ResultDetails: Hashable, Sendable {
    package var etag: String?
    /// The `Last-Modified` header as sent.
    package var lastModified: String?
    package var mediaType: String?
    /// From `Content-Disposition`, not sanitised.
    package var filename: String?
    /// What `mtime` is told to be, for good.
    package var modified: Timestamp
    /// The request's URL, without a secret.
    package var originURL: String?

    package init(
        etag: String? = nil, lastModified: String? = nil, mediaType: String? = nil, filename: String? = nil,
        modified: Timestamp, originURL: String? = nil
    ) {
        self.etag = etag
        self.lastModified = lastModified
        self.mediaType = mediaType
        self.filename = filename
        self.modified = modified
        self.originURL = originURL
    }
}

/// A result's content as first answered for, to be recorded as the next version of its key.
package struct NewResult: Hashable, Sendable {
    package var key: ResultKey
    /// In bytes.
    package var size: Int64
    package var details: ResultDetails

    package init(key: ResultKey, size: Int64, details: ResultDetails) {
        self.key = key
        self.size = size
        self.details = details
    }
}

/// One version of a result's content. Nothing in it ever changes: other content is another version.
package struct ResultRecord: Hashable, Sendable {
    package let key: ResultKey
    /// 0 for the first content seen under the key, then 1, 2, …
    package let version: Int
    /// In bytes.
    package let size: Int64
    package let details: ResultDetails
    /// The cache's own number for this version; names its data file.
    package let id: VersionID
    /// In bytes; the last block is shorter.
    package let blockSize: Int

    package var etag: String? { details.etag }
    package var lastModified: String? { details.lastModified }
    package var mediaType: String? { details.mediaType }
    package var filename: String? { details.filename }
    package var modified: Timestamp { details.modified }
    package var originURL: String? { details.originURL }
}

/// Names one version of one result within a cache directory. Drawn at random, so that a data file left behind by
/// an index that was lost is never taken for another version's.
package struct VersionID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    /// 16 lower-case hexadecimal digits.
    package var description: String {
        let digits = String(UInt64(bitPattern: rawValue), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
