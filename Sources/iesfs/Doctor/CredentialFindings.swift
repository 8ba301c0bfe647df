// SPDX-License-Identifier: Apache-2.0

import IESService

/// Where the credentials come from, and until when they hold. The one place where the doctor knows how they are got.
enum CredentialFindings {
    /// Without a service to show them to: none are missed, and nobody is asked for any.
    static func unasked(_ job: MountJob) -> [Finding] {
        do {
            let store = CredentialStore(try job.credentials(), environment: job.environment)
            return held(try store.found(), in: store)
                ?? [.note(.credentials, "source", "none in the usual places")]
        } catch let error as CredentialError {
            return [failed(error)]
        } catch {
            return [.failed(.credentials, "source", String(describing: error), advice: "mend it")]
        }
    }

    static func asked(_ probe: ServiceProbe) -> [Finding] {
        let store = probe.credentials
        do throws(CredentialError) {
            if let findings = held(try store.found(), in: store) { return findings }
            guard store.configuration.metadata != nil else { throw store.missing }
            try Blocking.run { [client = probe.client, limit = probe.limit] () throws(CredentialError) in
                try await client.checkCredentials(deadline: .now + limit)
            }
            return [
                .ok(.credentials, "source", probe.client.credentialSource()),
                .ok(.credentials, "kind", "a temporary access key of this server's agency"),
            ]
        } catch {
            return [failed(error)]
        }
    }

    /// Nil: there is nothing in any file or variable.
    private static func held(_ found: CredentialStore.Found?, in store: CredentialStore) -> [Finding]? {
        let kind: String
        switch found {
        case .credentials(.token): kind = "a token; it ends when its 24 hours do, which it does not say"
        case .credentials(.keys(let keys)) where keys.securityToken != nil:
            kind = "a temporary access key; its end is not known here"
        case .credentials(.keys): kind = "a permanent access key"
        case .login: kind = "a user name and a password, exchanged for a token of each project"
        case nil: return nil
        }
        return [.ok(.credentials, "source", store.source), .ok(.credentials, "kind", kind)]
    }

    private static func failed(_ error: CredentialError) -> Finding {
        let advice =
            switch error.kind {
            case .missing: "give one of these to the mount; README.md, \"Mount the real service\", has examples"
            case .unavailable: "see whether that service can be reached from here, or name another source"
            default: "mend that file or variable, or take it away so that the next source is used"
            }
        return .failed(.credentials, "source", error.description, advice: advice)
    }
}
