// SPDX-License-Identifier: Apache-2.0

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
        return judge(offersResend: exchange.isResendOffered, kernel: KernelRelease.currentText)
    }

    /// Of a mount that is not there yet.
    package static func expected(onKernel release: String) -> TakeoverAbility {
        judge(offersResend: KernelRelease(release).canResend, kernel: release)
    }

    /// - Parameters:
    ///   - offersResend: FUSE_HAS_RESEND stood in the INIT.
    ///   - kernel: The release, as `uname -r` shows it.
    static func judge(offersResend: Bool, kernel: String) -> TakeoverAbility {
        guard offersResend else {
            return .impossible("this kernel cannot send requests again (Linux 6.9 or newer can)")
        }
        guard !KernelRelease(kernel).hasResendFlaw else {
            return .impossible(
                "sending requests again on Linux \(kernel) can corrupt memory (CVE-2026-64265), so update it")
        }
        return .possible
    }
}
