// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount
import SystemPackage
import Testing

@testable import iesfs

/// Which mount a path is under, and what is left of it.
@Suite struct MountedPathTests {
    private static let table = MountTable(
        parsing: Array(
            """
            20 1 8:1 / / rw - ext4 /dev/sda1 rw
            30 20 0:50 / /mnt/ies rw - fuse.iesfs cn-north-4 rw,user_id=0
            31 20 0:51 / /home/me/re\\040sults rw - fuse.iesfs cn-east-3 rw,user_id=1000
            32 20 0:50 /p1 /srv/one rw - fuse.iesfs cn-north-4 rw,user_id=0
            33 30 0:60 / /mnt/ies/over rw - tmpfs none rw

            """.utf8))

    private func find(_ path: String, in directory: String = "/") throws -> MountedPath {
        try MountedPath(path, in: Self.table, workingDirectory: directory)
    }

    @Test(arguments: [
        ("/mnt/ies", "/", "/mnt/ies", ""), ("/mnt/ies/p/t", "/", "/mnt/ies", "p/t"),
        ("/mnt/ies/p/../q/*", "/", "/mnt/ies", "q/*"), ("./p/", "/mnt/ies", "/mnt/ies", "p"),
        ("re sults/p", "/home/me", "/home/me/re sults", "p"), ("/srv/one/t", "/", "/srv/one", "p1/t"),
        ("../ies/p/[ab]", "/mnt/other", "/mnt/ies", "p/[ab]"),
    ])
    func `a path is found without touching it`(given: String, directory: String, mount: String, inside: String) throws {
        let found = try find(given, in: directory)
        #expect(found.mount.path.string == mount && found.inside == inside)
    }

    @Test func `a symbolic link is followed to the mount, whatever comes after it`() throws {
        var template = Array("/tmp/iesfs-path.XXXXXX".utf8CString)
        let made = try #require(template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) })
        let directory = String(cString: made)
        defer {
            unlink("\(directory)/link")
            rmdir(directory)
        }
        // Its target stands for a mount in a table that is made up; it need not be one.
        let real = "\(directory)"
        let table = MountTable(
            parsing: Array(
                """
                20 1 8:1 / / rw - ext4 /dev/sda1 rw
                30 20 0:50 / \(real) rw - fuse.iesfs x rw,user_id=0

                """.utf8))
        let outside = "\(directory)-link"
        symlink(real, outside)
        defer { unlink(outside) }
        let found = try MountedPath("\(outside)/p/2*", in: table, workingDirectory: "/")
        #expect(found.mount.path.string == real && found.inside == "p/2*")
    }

    @Test(arguments: ["/etc/passwd", "/mnt", "/mnt/ies/over/x", "/mnt/ies2"])
    func `any other path is refused as a wrong command line`(given: String) throws {
        let error = #expect(throws: ProgramError.self) { try find(given) }
        #expect(error?.status == .usage && error?.description.contains("not under a mount") == true)
    }
}
