// SPDX-License-Identifier: Apache-2.0

extension ServiceError {
    /// Shorter texts are no secrets, and would be found in words.
    private static let shortestSecret = 8

    /// Without the secrets that the request carried, should the answer repeat them: a gateway that refuses a signature
    /// may show the canonical request it computed, signed security token included.
    func redacting(_ credentials: Credentials?) -> ServiceError {
        let secrets: [Secret] =
            switch credentials {
            case .token(let token): [token]
            case .keys(let keys): [keys.secretKey, Secret(keys.accessKey)] + (keys.securityToken.map { [$0] } ?? [])
            case nil: []
            }
        func redacted(_ text: String) -> String {
            secrets.reduce(text) { text, secret in
                secret.reveal { secret in
                    guard secret.utf8.count >= Self.shortestSecret, text.contains(secret) else { return text }
                    return text.replacing(secret, with: "<redacted>")
                }
            }
        }
        return ServiceError(
            status: status, code: code.map(redacted), message: redacted(message), requestID: requestID.map(redacted),
            retryAfter: retryAfter, time: time, url: url)
    }
}
