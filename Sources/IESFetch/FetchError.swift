// SPDX-License-Identifier: Apache-2.0

package import IESCache
package import IESService

/// Why bytes of a result, or its size, could not be had.
package enum FetchError: Error, Hashable, Sendable {
    case service(ServiceFailure)
    /// No byte within the timeout; `received` is the progress of a body whose length is not known yet.
    case deadline(received: Int64?)
    /// The body ended early, more often than it is worth trying again.
    case shortBody(String)
    /// The service's answers contradict each other or the request.
    case contradiction(String)
    /// The result is another one on the server now, and these bytes of the old one are not held.
    case changed
    /// The result does not fit into the cache. Both in bytes.
    case tooLarge(size: Int64, limit: Int64)
    case cache(CacheError)
    /// The reader has left, or the program ends.
    case cancelled

    init(_ error: CacheError) {
        switch error {
        case .tooLarge(let size, let limit): self = .tooLarge(size: size, limit: limit)
        default: self = .cache(error)
        }
    }

    /// Whether another request for the rest is worth making at once: the body broke off on its way.
    var isBreak: Bool {
        switch self {
        case .service(.transport(.bodyCutShort)), .service(.transport(.connectionReset)), .shortBody: true
        default: false
        }
    }
}
