// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount
import IESService
import IESTransport

/// What this machine has.
enum MachineFindings {
    static var versions: [Finding] {
        [
            .ok(.versions, "iesfs", Program.version),
            .ok(.versions, "libfuse", FuseLibrary.version),
            .ok(.versions, "libcurl", CurlLibrary.version),
            .ok(.versions, "OpenSSL", CryptoLibrary.version),
        ]
    }

    static func kernel(_ options: MountOptions, path: String) -> [Finding] {
        let text = KernelRelease.currentText
        let release = KernelRelease(text)
        var findings: [Finding] = [
            .ok(.kernel, "Linux", text), takeover(onKernel: text), device,
            fusermount(isRoot: CurrentUser.isRoot, path: path),
        ]
        findings.append(
            .note(
                .kernel, "user_allow_other",
                FuseConfiguration.current().allowsOthers
                    ? "set in \(FuseConfiguration.path): ordinary users may use allow_other"
                    : "not set in \(FuseConfiguration.path): only root may use allow_other"))
        findings.append(passthrough(release, options, isRoot: CurrentUser.isRoot))
        return findings
    }

    /// Whether a worker that ends is replaced under those who use the mount.
    static func takeover(onKernel release: String) -> Finding {
        switch TakeoverAbility.expected(onKernel: release) {
        case .possible: .ok(.kernel, "take-over", "a daemon that ends is replaced while files stay open")
        case .impossible(let reason):
            .warning(
                .kernel, "take-over", reason,
                advice: "till then a daemon that ends is replaced with a new mount: files that were open are lost")
        }
    }

    private static var device: Finding {
        guard access("/dev/fuse", R_OK | W_OK) != 0 else { return .ok(.kernel, "/dev/fuse", "can be opened") }
        return .failed(
            .kernel, "/dev/fuse", CurrentError.text,
            advice: errno == ENOENT
                ? "load the module with 'modprobe fuse'; in a container, pass the device in (--device /dev/fuse)"
                : "its mode should be 0666: chmod 666 /dev/fuse, or an udev rule that does so")
    }

    /// - Parameter path: Where programs are looked for, as in `PATH`.
    static func fusermount(isRoot: Bool, path: String) -> Finding {
        let candidates = path.split(separator: ":").map { "\($0)/fusermount3" }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            guard !isRoot else { return .note(.kernel, "fusermount3", "absent; root does without it") }
            return .failed(.kernel, "fusermount3", "not found", advice: "install the package fuse3, or mount as root")
        }
        var status = stat()
        guard !isRoot, stat(found, &status) == 0, status.st_mode & S_ISUID == 0 else {
            return .ok(.kernel, "fusermount3", found)
        }
        return .failed(
            .kernel, "fusermount3", "\(found) is not setuid root",
            advice: "chmod u+s \(found), or reinstall the package fuse3")
    }

    static func passthrough(_ release: KernelRelease, _ options: MountOptions, isRoot: Bool) -> Finding {
        let reason: String? =
            if options.passesNothingThrough {
                "nopassthrough is among the options"
            } else if !isRoot {
                "only root may (CAP_SYS_ADMIN)"
            } else if !release.mayPassThrough {
                "this kernel does not offer it (Linux 6.9 or newer, with CONFIG_FUSE_PASSTHROUGH)"
            } else {
                nil
            }
        guard let reason else {
            return .ok(
                .kernel, "passthrough", "possible, if the kernel has CONFIG_FUSE_PASSTHROUGH; a mount's status says")
        }
        return .note(.kernel, "passthrough", "off: \(reason)")
    }
}
