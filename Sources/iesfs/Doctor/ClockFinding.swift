// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// How this machine's clock compares with the service's.
enum ClockFinding {
    /// The service refuses a signature that is 15 minutes off; whole seconds and the way there count for little.
    private static let tolerated: TimeInterval = 30
    private static let alarming: TimeInterval = 300

    /// - Parameter server: What `Date` said; nil: nothing.
    static func judge(server: Date?, own: Date) -> Finding {
        guard let server else { return .note(.network, "clock", "the endpoint does not tell its time") }
        let seconds = own.timeIntervalSince(server)
        let amount = "\(Int(abs(seconds).rounded())) s \(seconds < 0 ? "behind" : "ahead of") the service's"
        let advice = "set this machine's clock, as by 'timedatectl set-ntp true'"
        if abs(seconds) <= tolerated { return .ok(.network, "clock", amount) }
        if abs(seconds) <= alarming { return .warning(.network, "clock", amount, advice: advice) }
        return .failed(
            .network, "clock", amount, advice: advice + ": signatures more than 15 minutes off are refused")
    }
}
