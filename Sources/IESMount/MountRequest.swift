// SPDX-License-Identifier: Apache-2.0

/// What to mount, but for where.
package struct MountRequest: Hashable, Sendable {
    /// Who may reach the files at all; what they may do there, the permissions decide (`default_permissions`).
    package enum Access: Hashable, Sendable {
        case owner
        /// `allow_root`: for the kernel as `everyone`; `SessionSettings.refusesOthers` narrows it.
        case ownerAndRoot
        /// `allow_other`
        case everyone
    }

    /// What `mount` and `df` show as the device: the endpoint or region, with no secret in it.
    package var source: String
    package var access: Access
    /// Flags from `-o` that the kernel obeys itself; read-only, no devices and no set-user-id always hold.
    package var forbidsExecution: Bool

    package init(source: String, access: Access = .owner, forbidsExecution: Bool = false) {
        self.source = source
        self.access = access
        self.forbidsExecution = forbidsExecution
    }

    /// The most bytes in one READ: what fits into 256 pages of 4 KiB, the kernel's limit (fs.fuse.max_pages_limit).
    /// Replies of 512 KiB are as fast, those of 128 KiB were slower by a tenth for one reader (measured, 2 processors).
    package static let maximumRead = 1 << 20

    /// The options both ways of mounting take.
    var kernelOptions: [String] {
        ["default_permissions", "max_read=\(Self.maximumRead)"] + (access == .owner ? [] : ["allow_other"])
    }

    /// The text for `fusermount3 -o`. A comma or a backslash in a value is escaped with a backslash.
    var fusermountOptions: String {
        var name = ""
        for character in source {
            if character == "," || character == "\\" { name.append("\\") }
            name.append(character)
        }
        let flags = ["ro", "nosuid", "nodev"] + (forbidsExecution ? ["noexec"] : [])
        return (flags + kernelOptions + ["fsname=\(name)", "subtype=iesfs"]).joined(separator: ",")
    }
}
