// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Makes credentials of text, and refuses what could not be sent in a header field.
enum CredentialText {
    /// - Parameter place: Where the text comes from, for the error.
    static func token(_ text: String, in place: String) throws(CredentialError) -> Secret {
        let token = trimmed(text)
        guard isFieldValue(token) else {
            throw CredentialError(.invalid, "\(place) does not hold a token: it is empty, or more than one word")
        }
        return Secret(token)
    }

    static func token(_ bytes: [UInt8], in path: FilePath) throws(CredentialError) -> Secret {
        try token(String(decoding: bytes, as: UTF8.self), in: path.string)
    }

    static func keys(
        _ accessKey: String, _ secretKey: Secret, _ securityToken: Secret?, in place: String
    ) throws(CredentialError) -> AccessKeys {
        // A comma would end the key's part of the Authorization field.
        guard isFieldValue(accessKey), !accessKey.utf8.contains(UInt8(ascii: ",")) else {
            throw CredentialError(.invalid, "the access key in \(place) has characters that no access key has")
        }
        guard securityToken?.reveal(isFieldValue) ?? true else {
            throw CredentialError(.invalid, "the security token in \(place) has characters that no token has")
        }
        return AccessKeys(accessKey: accessKey, secretKey: secretKey, securityToken: securityToken)
    }

    /// Nil when the profile is not there and need not be.
    static func profile(
        _ name: String, _ bytes: [UInt8], in path: FilePath, isRequired: Bool
    ) throws(CredentialError) -> CredentialStore.Found? {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CredentialError(.invalid, "\(path) is not a text in UTF-8")
        }
        let file: ProfileFile
        do throws(ProfileFile.Failure) {
            file = try ProfileFile(text)
        } catch {
            throw CredentialError(.invalid, "\(path) is not a profile file: \(error.text)")
        }
        guard let accessKey = file.value("ak", in: name), let secretKey = file.value("sk", in: name) else {
            if let login = try login(of: name, in: file, path) { return .login(login) }
            guard isRequired || file.profiles.contains(name) else { return nil }
            let missing =
                file.profiles.contains(name)
                ? "profile [\(name)] lacks ak or sk, or user_name, password and domain_name"
                : "there is no profile [\(name)]"
            throw CredentialError(.invalid, "\(missing) in \(path)")
        }
        let securityToken = file.value("security_token", in: name)
        return .credentials(
            .keys(
                try accessKey.reveal { (text) throws(CredentialError) in
                    try keys(text, secretKey, securityToken, in: "profile [\(name)] of \(path)")
                }))
    }

    /// Nil unless the profile has all three parts of a login.
    private static func login(
        of name: String, in file: ProfileFile, _ path: FilePath
    ) throws(CredentialError) -> PasswordLogin? {
        guard let user = file.value("user_name", in: name), let password = file.value("password", in: name),
            let domain = file.value("domain_name", in: name)
        else { return nil }
        return PasswordLogin(
            user: user.reveal { $0 }, password: password, domain: domain.reveal { $0 },
            endpoint: file.value("iam_endpoint", in: name)?.reveal { $0 })
    }

    /// One or more visible ASCII characters.
    private static func isFieldValue(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
