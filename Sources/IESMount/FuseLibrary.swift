// SPDX-License-Identifier: Apache-2.0

import CFuse3

/// The libfuse that this process runs with.
package enum FuseLibrary {
    package static var version: String { String(cString: fuse_pkgversion()) }
}
