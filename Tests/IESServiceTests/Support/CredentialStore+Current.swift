// SPDX-License-Identifier: Apache-2.0

import IESService

extension CredentialStore {
    /// What is found, where that is credentials.
    func current() throws(CredentialError) -> Credentials {
        guard case .credentials(let credentials)? = try found() else { throw missing }
        return credentials
    }
}
