// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// SHA-256 and HMAC-SHA-256 by libcrypto, as lower-case hexadecimal digits.
enum Digest {
    private static let size = 32

    static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: size)
        let result = EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
        // It fails only without memory, or where the system's policy forbids SHA-256: TLS would not work either.
        guard result == 1 else { preconditionFailure("libcrypto offers no SHA-256") }
        return Hexadecimal.text(digest)
    }

    static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: size)
        var length = 0
        let result = EVP_Q_mac(
            nil, "HMAC", nil, "SHA256", nil, key, key.count, bytes, bytes.count, &digest, digest.count, &length)
        guard result != nil, length == size else { preconditionFailure("libcrypto offers no HMAC-SHA-256") }
        return Hexadecimal.text(digest)
    }
}
