// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESMount

@Suite struct MountRequestTests {
    @Test func `fusermount3 is told what the kernel is told, and commas in a source do not end it`() {
        let request = MountRequest(source: #"https://a,b\c"#, access: .everyone, forbidsExecution: true)
        #expect(
            request.fusermountOptions
                == #"ro,nosuid,nodev,noexec,default_permissions,max_read=1048576,allow_other,fsname=https://a\,b\\c,subtype=iesfs"#
        )
    }

    @Test(arguments: [
        (MountRequest.Access.owner, false), (.ownerAndRoot, true), (.everyone, true),
    ])
    func `default_permissions is always set, allow_other where more than the owner may come`(
        _ access: MountRequest.Access, _ allowsOther: Bool
    ) {
        let options = MountRequest(source: "cn-north-4", access: access).kernelOptions
        #expect(options.contains("default_permissions"))
        #expect(options.contains("allow_other") == allowsOther)
    }

    @Test(arguments: [
        ("user_allow_other\n", true), ("  user_allow_other\t# yes\n", true),
        ("mount_max = 10\nuser_allow_other\n", true),
        ("#user_allow_other\n", false), ("user_allow_others\n", false), ("user_allow_other = 1\n", false), ("", false),
        // fusermount3 leaves out a last line without its end.
        ("user_allow_other", false),
    ])
    func `fuse_conf allows others by a line of its own`(_ text: String, _ expected: Bool) {
        #expect(FuseConfiguration(parsing: Array(text.utf8)).allowsOthers == expected)
    }

    @Test func `what fusermount3 says becomes a sentence`() {
        let error = Mounter.helperFailed(
            "Mounting on /mnt", "fusermount3: user has no write access to mountpoint /mnt\nmore\n")
        #expect(
            error.description
                == "Mounting on /mnt failed: fusermount3 says: user has no write access to mountpoint /mnt.")
        #expect(
            Mounter.helperFailed("x", "fusermount3: failed to unmount /mnt: Device or resource busy").reason == .busy)
        #expect(
            Mounter.helperFailed("x", "fusermount3: failed to open /dev/fuse: Permission denied\n").reason
                == .notPermitted)
    }
}
