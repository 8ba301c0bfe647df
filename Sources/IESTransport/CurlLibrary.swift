// SPDX-License-Identifier: Apache-2.0

import CCurl

/// The libcurl that this process runs with.
package enum CurlLibrary {
    /// With the libraries it uses itself.
    package static var version: String { String(cString: curl_version()) }
}
