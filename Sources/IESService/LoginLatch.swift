// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Synchronization

/// Keeps a user name and a password from being tried often: IAM locks users, and each project needs a token of its own.
///
/// Until one exchange has gone well there is one at a time, and a refusal of the user holds back those of all projects for a
/// while. Later a refusal is the project's own, unless five different ones in a row are refused.
final class LoginLatch: Sendable {
    private let latch: Turnstile<CredentialLatch>
    private let settings: ServiceSettings
    private let holder: CredentialLatch.Holder
    private let lastRefusal = Mutex<CredentialError?>(nil)

    init(_ login: PasswordLogin, settings: ServiceSettings) {
        latch = Turnstile(CredentialLatch(), settings)
        self.settings = settings
        // There is one for each login, so that what stands for it here need not tell it from others.
        holder = CredentialLatch.Holder(scope: nil, credentials: .token(login.password))
    }

    func exchange(
        for project: ProjectID, _ ask: () async throws(CredentialError) -> IssuedCredentials
    ) async throws(CredentialError) -> IssuedCredentials {
        // Long enough for the exchange that goes before.
        let deadline = settings.instant() + .seconds(60)
        let (id, verdict) = await latch.admit(CredentialLatch.Visitor(holder: holder, deadline: deadline))
        switch verdict {
        case .go: break
        case .refused: throw lastRefusal.withLock { $0 } ?? Self.busy
        case .late, nil: throw Self.busy
        }
        do throws(CredentialError) {
            let issued = try await ask()
            latch.update { [holder] latch, _ in latch.accepted(holder) }
            return issued
        } catch {
            note(error, project, id)
            throw error
        }
    }

    func forgive() { latch.update { latch, _ in latch.forgive() } }

    private func note(_ error: CredentialError, _ project: ProjectID, _ id: Int) {
        guard
            error.kind == .refused
                || error.kind == .denied && latch.look({ [holder] latch, _ in latch.hasWorked(holder) })
        else {
            latch.update { [holder] latch, _ in latch.gaveUp(holder, by: id) }
            return
        }
        lastRefusal.withLock { $0 = error }
        let refusal = ServiceError(
            status: 401, code: nil, message: error.description, requestID: nil, time: settings.now(), url: "")
        latch.update { [holder] latch, now in
            if latch.hasWorked(holder) {
                _ = latch.denied(holder, project.rawValue, refusal, at: now)
            } else {
                latch.refused(holder, refusal, at: now)
            }
        }
    }

    private static let busy = CredentialError(.unavailable, "IAM was not asked for a token: another question is open")
}
