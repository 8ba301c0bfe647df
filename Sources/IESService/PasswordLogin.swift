// SPDX-License-Identifier: Apache-2.0

/// Who may ask IAM for tokens. Prints as redacted, as `Secret` does.
package struct PasswordLogin: Hashable, Sendable {
    package let user: String
    package let password: Secret
    /// The name of the account.
    package let domain: String
    /// Of IAM, where the profile says; else it follows from the region.
    package let endpoint: String?

    package init(user: String, password: Secret, domain: String, endpoint: String? = nil) {
        self.user = user
        self.password = password
        self.domain = domain
        self.endpoint = endpoint
    }
}

extension PasswordLogin: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted login>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
