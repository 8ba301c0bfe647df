// SPDX-License-Identifier: Apache-2.0

package import Logging
package import SystemPackage

/// What holds for every exchange of a `CurlTransport`.
package struct CurlSettings: Sendable {
    /// Sent with requests that bring no `User-Agent` of their own; nil for none.
    package var userAgent: String?
    /// A proxy's URL. Nil takes the usual variables (`https_proxy`, `all_proxy`, …), "" uses none.
    /// `no_proxy` is obeyed in either case, with host names, suffixes and CIDR blocks.
    ///
    /// It may hold a password: it is never printed.
    package var proxy: String?
    /// The certificates to trust, as one PEM file, instead of the system's.
    package var caFile: FilePath?
    /// Connections kept open between exchanges. How many exchanges run at once is up to the callers.
    package var maximumIdleConnections: Int
    package var logger: Logger

    package init(
        userAgent: String? = nil, proxy: String? = nil, caFile: FilePath? = nil, maximumIdleConnections: Int = 32,
        logger: Logger = Logger(label: "iesfs.transport")
    ) {
        self.userAgent = userAgent
        self.proxy = proxy
        self.caFile = caFile
        self.maximumIdleConnections = maximumIdleConnections
        self.logger = logger
    }
}

extension CurlSettings: CustomStringConvertible, CustomReflectable {
    package var description: String {
        let via = proxy.map { $0.isEmpty ? "none" : "<redacted>" } ?? "environment"
        return
            "proxy: \(via), CA file: \(caFile?.string ?? "the system's"), kept connections: \(maximumIdleConnections)"
    }

    package var customMirror: Mirror { Mirror(self, children: ["settings": description], displayStyle: .struct) }
}
