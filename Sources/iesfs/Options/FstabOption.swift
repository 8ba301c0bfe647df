// SPDX-License-Identifier: Apache-2.0

/// What mount(8), fstab and systemd put among the options though it is not for the file system.
enum FstabOption {
    /// Accepted and passed over. Devices and set-user-id programs never work on an iesfs mount, times are the service's.
    static let accepted: Set<String> = [
        "_netdev", "nofail", "auto", "noauto", "user", "nouser", "users", "owner", "group", "defaults", "ro",
        "dev", "nodev", "suid", "nosuid", "exec", "noexec", "async", "sync", "dirsync", "silent", "loud",
        "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
        "lazytime", "nolazytime", "mand", "nomand", "iversion", "noiversion", "comment",
    ]

    static func accepts(_ name: String) -> Bool {
        accepted.contains(name) || name.hasPrefix("x-") || name.hasPrefix("X-")
    }

    /// What it means here nevertheless.
    static func apply(_ name: String, to options: inout MountOptions) {
        switch name {
        case "_netdev", "nofail": options.isMadeAtBoot = true
        // As mount(8) has it, user and users imply noexec; a later exec takes it back.
        case "noexec", "user", "users": options.forbidsExecution = true
        case "exec": options.forbidsExecution = false
        default: break
        }
    }
}
