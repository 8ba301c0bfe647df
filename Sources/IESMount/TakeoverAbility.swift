// SPDX-License-Identifier: Apache-2.0

import Glibc
package import IESTakeover

/// Whether a worker that died can be followed by another that goes on with the mount.
package enum TakeoverAbility: Hashable, Sendable {
    case possible
    /// The mount has to be made anew; a clause that says why.
    case impossible(String)

    /// Of a mount whose INIT was answered, on the kernel that runs.
    package static func of(_ kept: TakeoverRecord) -> TakeoverAbility {
        guard let messages = kept.initMessages else { return .impossible("its first request was not kept") }
        let exchange = InitExchange(request: messages.request, reply: messages.reply)
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return judge(offersResend: exchange.isResendOffered, kernel: release)
    }

    /// - Parameters:
    ///   - offersResend: FUSE_HAS_RESEND stood in the INIT.
    ///   - kernel: The release, as `uname -r` shows it.
    static func judge(offersResend: Bool, kernel: String) -> TakeoverAbility {
        guard offersResend else {
            return .impossible("this kernel cannot send requests again (Linux 6.9 or newer can)")
        }
        guard !isVulnerable(kernel) else {
            return .impossible(
                "sending requests again on Linux \(kernel) can corrupt memory (CVE-2026-64265), so update it")
        }
        return .possible
    }

    /// CVE-2026-64265: a request that is sent again while its INTERRUPT waits is used after it was freed. From 6.9 on, mended
    /// in 6.12.96, 6.18.39 and 7.1.4, and not in the branches between.
    private static func isVulnerable(_ kernel: String) -> Bool {
        let numbers = kernel.split { !$0.isNumber }.prefix(3).map { Int($0) ?? 0 } + [0, 0, 0]
        let (major, minor, patch) = (numbers[0], numbers[1], numbers[2])
        return switch (major, minor) {
        case (..<6, _), (6, ..<9): false
        case (6, 12): patch < 96
        case (6, 18): patch < 39
        case (7, 1): patch < 4
        case (6, _), (7, 0): true
        default: false
        }
    }
}
