// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// The libcrypto that this process runs with.
package enum CryptoLibrary {
    package static var version: String { String(cString: OpenSSL_version(OPENSSL_VERSION)) }
}
