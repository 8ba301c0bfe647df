// SPDX-License-Identifier: Apache-2.0

/// One line of what the doctor found.
struct Finding: Hashable, Sendable, Encodable {
    enum Verdict: String, Hashable, Sendable, Encodable {
        case ok
        /// Neither good nor bad, or not looked at.
        case note
        /// It works, but not as well as it could.
        case warning
        case failed
    }

    let section: Section
    let name: String
    let verdict: Verdict
    /// What was seen, never a secret.
    let value: String
    /// What to do about it; every failure has it.
    let advice: String?

    enum Section: String, Hashable, Sendable, Encodable, CaseIterable {
        case versions, kernel, configuration, credentials, network, cache, mounts
    }

    static func ok(_ section: Section, _ name: String, _ value: String) -> Finding {
        Finding(section: section, name: name, verdict: .ok, value: value, advice: nil)
    }

    static func note(_ section: Section, _ name: String, _ value: String, advice: String? = nil) -> Finding {
        Finding(section: section, name: name, verdict: .note, value: value, advice: advice)
    }

    static func warning(_ section: Section, _ name: String, _ value: String, advice: String) -> Finding {
        Finding(section: section, name: name, verdict: .warning, value: value, advice: advice)
    }

    static func failed(_ section: Section, _ name: String, _ value: String, advice: String) -> Finding {
        Finding(section: section, name: name, verdict: .failed, value: value, advice: advice)
    }
}
