// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Where results were redirected to, so that the parts of one can be asked for there again without asking the endpoint.
final class LinkCache: Sendable {
    /// Each has up to some kilobytes.
    private static let most = 1000

    private let links = Mutex<[String: AbsoluteURL]>([:])

    /// - Parameter target: Of the call, at the endpoint.
    subscript(_ target: String) -> AbsoluteURL? {
        get { links.withLock { $0[target] } }
        set {
            links.withLock { links in
                if newValue != nil, links.count >= Self.most { links.removeAll(keepingCapacity: true) }
                links[target] = newValue
            }
        }
    }
}
