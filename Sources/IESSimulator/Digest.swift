// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// SHA-256 (FIPS 180-4) over bytes that come piece by piece, by libcrypto.
package final class SHA256Digest {
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        let result = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "libcrypto failed to hash")
    }

    /// The 32 bytes; the digest takes nothing more afterwards.
    package func finish() -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 32)
        let result = EVP_DigestFinal_ex(context, &output, nil)
        precondition(result == 1, "libcrypto failed to hash")
        return output
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        let digest = SHA256Digest()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }

    /// Lower-case hexadecimal digest of `bytes`.
    package static func hex(_ bytes: [UInt8]) -> String { Hex.text(hash(bytes)) }
}

enum Authenticator {
    /// HMAC-SHA-256 (RFC 2104) of `message`.
    static func hmac(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        // HMAC takes no null key; an empty one is a pointer to nothing of length 0.
        let material = key.isEmpty ? [0] : key
        let result = HMAC(EVP_sha256(), material, Int32(key.count), message, message.count, &output, &length)
        precondition(result != nil && length == 32, "libcrypto has no HMAC")
        return output
    }
}
