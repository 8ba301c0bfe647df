// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Why a file operation failed: what the kernel is told, and what people can read.
package struct FileSystemError: Error, Hashable, Sendable {
    /// The number the calling program sees.
    package let errno: Errno
    /// One sentence: what was attempted and what went wrong. Names and paths stay out of it.
    package let summary: String
    /// What the service or the network said, if it was asked.
    package let failure: FailureDetails?

    package init(_ errno: Errno, _ summary: String, failure: FailureDetails? = nil) {
        self.errno = errno
        self.summary = summary
        self.failure = failure
    }

    /// True for what programs cause every day (no such name, no such attribute), logged at debug only.
    package var isExpected: Bool {
        failure == nil && [.noSuchFileOrDirectory, .noData, .interrupted, .readOnlyFileSystem].contains(errno)
    }
}

/// A failure as the extended attributes `user.ies.error_*` show it.
package struct FailureDetails: Hashable, Sendable {
    package let errno: Errno
    /// `MSS.…`, `APIG.…` or `APIGW.…`, where the service gave one.
    package let code: String?
    /// The HTTP status, where there was a response.
    package let status: Int?
    package let requestID: String?
    /// The service's own message, byte for byte, or else a sentence of ours.
    package let message: String
    package let time: FileTime

    package init(errno: Errno, code: String?, status: Int?, requestID: String?, message: String, time: FileTime) {
        self.errno = errno
        self.code = code
        self.status = status
        self.requestID = requestID
        self.message = message
        self.time = time
    }

    /// Whether both say the same, at whatever time.
    func isSame(as other: FailureDetails) -> Bool {
        errno == other.errno && code == other.code && status == other.status && requestID == other.requestID
            && message == other.message
    }

    /// Whether `other` is this failure once more: all who wait for one answer report it, at almost one time.
    func isReportedTwice(by other: FailureDetails) -> Bool {
        isSame(as: other) && abs(time.seconds - other.time.seconds) <= 1
    }
}
