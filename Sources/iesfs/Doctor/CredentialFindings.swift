// SPDX-License-Identifier: Apache-2.0

import IESService

/// Where the credentials come from. The one place where the doctor knows how credentials are got.
enum CredentialFindings {
    static func store(of job: MountJob) -> CredentialStore {
        CredentialStore(job.credentials, environment: job.environment)
    }

    /// - Parameter areNeeded: Somebody named a service to show them to.
    static func credentials(of store: CredentialStore, areNeeded: Bool) -> [Finding] {
        do throws(CredentialError) {
            let credentials = try store.current()
            return [
                .ok(.credentials, "source", store.source),
                .ok(.credentials, "kind", kind(of: credentials)),
            ]
        } catch {
            if error.kind == .missing, !areNeeded { return [.note(.credentials, "source", "none in the usual places")] }
            return [.failed(.credentials, "source", error.description, advice: advice(for: error))]
        }
    }

    private static func kind(of credentials: Credentials) -> String {
        switch credentials {
        case .token: "a token; it ends when its 24 hours do, which it does not say"
        case .keys(let keys) where keys.securityToken != nil: "a temporary access key; its end is not known here"
        case .keys: "a permanent access key"
        }
    }

    private static func advice(for error: CredentialError) -> String {
        switch error.kind {
        case .missing: "give one of these to the mount; README.md, \"Mount the real service\", has examples"
        default: "mend that file or variable, or take it away so that the next source is used"
        }
    }
}
