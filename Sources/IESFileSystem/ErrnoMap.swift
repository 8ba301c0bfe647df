// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Why a file operation fails: the rows of the errno table. README.md has the same table.
package enum FailureCause: CaseIterable, Hashable, Sendable {
    case failure, internalError, invalidParameter, notAuthenticated, notFound, wrongEndpoint, otherRefusal
    case throttled, unavailable, other
    case noCredentials, noAnswer, noRoute, connectionRefused, connectionReset, brokenProtocol, brokenBody
    case changed, tooLarge, cacheFailed, interrupted, readOnly

    /// What the calling program sees.
    package var errno: Errno {
        switch self {
        case .failure: .ioError
        case .internalError: .remoteIO
        case .invalidParameter: .invalidArgument
        case .notAuthenticated: .permissionDenied
        case .notFound: .noSuchFileOrDirectory
        case .wrongEndpoint: .remoteIO
        case .otherRefusal: .ioError
        case .throttled: .resourceBusy
        case .unavailable: .remoteIO
        case .other: .ioError
        case .noCredentials: .permissionDenied
        case .noAnswer: .timedOut
        case .noRoute: .noRouteToHost
        case .connectionRefused: .connectionRefused
        case .connectionReset: .connectionReset
        case .brokenProtocol: .protocolError
        case .brokenBody: .ioError
        case .changed: .staleNFSFileHandle
        case .tooLarge: .fileTooLarge
        case .cacheFailed: .ioError
        case .interrupted: .interrupted
        case .readOnly: .readOnlyFileSystem
        }
    }

    /// The cause in the words of README.md.
    package var text: String {
        switch self {
        case .failure: "`MSS.000000001`: failure"
        case .internalError: "`MSS.000000002`: internal error"
        case .invalidParameter: "`MSS.000000003`, `.00000003`, `.10000003`, `.10001002`: invalid parameter"
        case .notAuthenticated:
            "`MSS.000000004`, `.00000001`, `.00010008`, `.00010009`, gateway 0301–0307, 0311, HTTP 401, 403: "
                + "not authenticated or not allowed"
        case .notFound: "`MSS.10001001`, `.10001004`, HTTP 404: not found"
        case .wrongEndpoint: "`MSS.00010003`, HTTP 404 with gateway 0101 or 0103: wrong endpoint"
        case .otherRefusal: "HTTP 400 with any other code or none"
        case .throttled: "HTTP 429 after the retries, or a `Retry-After` beyond the deadline"
        case .unavailable: "HTTP 408, 5xx after the retries"
        case .other: "any other HTTP status (204, 304, a redirect left over, 402, 405–416), or failure of a transfer"
        case .noCredentials: "no usable credentials on this host"
        case .noAnswer: "no answer within the deadline"
        case .noRoute: "name resolution or routing fails"
        case .connectionRefused: "connection refused"
        case .connectionReset: "connection reset"
        case .brokenProtocol: "TLS not verified or broken; a response that breaks HTTP"
        case .brokenBody: "a body shorter than promised, ranges that contradict each other"
        case .changed: "the result changed on the server and these bytes are not held"
        case .tooLarge: "the result is larger than the cache and has no length or no ranges"
        case .cacheFailed: "the cache on this host fails"
        case .interrupted: "the reader was interrupted"
        case .readOnly: "any attempt to write"
        }
    }
}

/// What becomes of the name of a result that failed and whose size is not known.
package enum FailureClass: Hashable, Sendable {
    /// It resolves to a file that says why it cannot be opened.
    case refused
    /// It does not resolve.
    case absent
    /// Looking it up fails with the errno.
    case passing
}

/// The errno table as text.
package enum ErrnoMap {
    /// The Markdown table of README.md.
    package static var table: String {
        let rows = FailureCause.allCases.map { "| \($0.text) | \($0.errno.symbol) |\n" }
        return "| cause (code first, then HTTP status) | errno |\n|---|---|\n" + rows.joined()
    }
}

extension Errno {
    /// EREMOTEIO, which SystemPackage has no name for: 121 on every Linux but those of MIPS, SPARC and PA-RISC,
    /// for which there is no Swift.
    package static var remoteIO: Errno { Errno(rawValue: 121) }

    /// `EINVAL` and the like; the number where there is no name for it here.
    package var symbol: String {
        switch self {
        case .ioError: "EIO"
        case .remoteIO: "EREMOTEIO"
        case .invalidArgument: "EINVAL"
        case .permissionDenied: "EACCES"
        case .noSuchFileOrDirectory: "ENOENT"
        case .resourceBusy: "EBUSY"
        case .timedOut: "ETIMEDOUT"
        case .noRouteToHost: "EHOSTUNREACH"
        case .connectionRefused: "ECONNREFUSED"
        case .connectionReset: "ECONNRESET"
        case .protocolError: "EPROTO"
        case .staleNFSFileHandle: "ESTALE"
        case .fileTooLarge: "EFBIG"
        case .interrupted: "EINTR"
        case .readOnlyFileSystem: "EROFS"
        case .notDirectory: "ENOTDIR"
        default: String(rawValue)
        }
    }
}
