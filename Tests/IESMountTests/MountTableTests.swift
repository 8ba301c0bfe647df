// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

@testable import IESMount

@Suite struct MountTableTests {
    private func table(_ text: String) -> MountTable { MountTable(parsing: Array(text.utf8)) }

    /// The line that proc_pid_mountinfo(5) explains.
    @Test func `the manual page's line is read as the manual page says`() throws {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        let record = try #require(table(line).records.first)
        #expect(record.id == 36)
        #expect(record.parent == 35)
        #expect(record.device == .init(major: 98, minor: 0))
        #expect(record.root == "/mnt1")
        #expect(record.path == "/mnt2")
        #expect(record.options == ["rw", "noatime"])
        #expect(record.type == "ext3")
        #expect(record.source == "/dev/root")
        #expect(record.fileSystemOptions == ["rw", "errors=continue"])
    }

    @Test func `a mount of ours is read with any number of optional fields`() throws {
        let text = """
            42 27 0:39 / /mnt/ies ro,nosuid,nodev,relatime - fuse.iesfs https://ies.example:8443 ro,user_id=65534,group_id=0
            43 27 0:40 / /mnt/two ro shared:7 master:3 propagate_from:2 unbindable - fuse.iesfs cn-north-4 ro,user_id=0
            """
        let records = table(text).records
        #expect(records.map(\.isOurs) == [true, true])
        #expect(records.map(\.source) == ["https://ies.example:8443", "cn-north-4"])
        #expect(records.map(\.device.minor) == [39, 40])
        #expect(records.map(\.owner) == [65534, 0])
    }

    @Test(arguments: [
        (#"/a\040b"#, "/a b"), (#"/tab\011"#, "/tab\t"), (#"/line\012"#, "/line\n"), (#"/back\134040"#, #"/back\040"#),
        (#"/hash\043"#, "/hash#"), ("/报告", "/报告"), (#"/not\09"#, #"/not\09"#), (#"/end\04"#, #"/end\04"#),
    ])
    func `octal escapes stand for bytes`(_ written: String, _ path: String) {
        #expect(table("1 0 0:1 / \(written) rw - tmpfs tmpfs rw\n").records.first?.path == FilePath(path))
    }

    @Test func `a path that is not UTF-8 keeps its bytes`() {
        let text = Array("1 0 0:1 / /x".utf8) + [0xff] + Array(" rw - tmpfs tmpfs rw\n".utf8)
        let path = MountTable(parsing: text).records.first?.path
        #expect(path?.withPlatformString { UInt8(bitPattern: $0[2]) } == 0xff)
    }

    @Test func `lines of another form are left out`() {
        let text =
            "nonsense\n\n36 35 98:0 / /a rw ext4 /dev/root rw\n36 35 98 / /a rw - ext4 x rw\n1 0 0:1 / / rw - ext4 x rw"
        #expect(table(text).records.map(\.path) == ["/"])
    }

    /// `/mnt/ies` below was mounted before something else hid `/mnt`.
    @Test func `a mount hidden under another is not entered`() {
        let table = table(
            """
            27 1 254:0 / / rw - ext4 /dev/vda rw
            28 27 0:30 / /mnt/ies ro - fuse.iesfs cn-north-4 ro
            29 27 0:31 / /mnt rw - tmpfs tmpfs rw
            """)
        #expect(table.mount(at: "/mnt/ies") == nil)
        #expect(table.walk(to: "/mnt/ies").map(\.id) == [27, 29])
        #expect(table.mount(at: "/mnt")?.type == "tmpfs")
        #expect(table.walk(to: "/mntx").map(\.id) == [27])
    }

    @Test func `of mounts stacked at one path the last is seen, in whatever order they are listed`() {
        let table = table(
            """
            50 42 0:41 / /mnt/ies ro - fuse.iesfs second ro
            27 1 254:0 / / rw - ext4 /dev/vda rw
            42 27 0:39 / /mnt/ies ro - fuse.iesfs first ro
            """)
        #expect(table.mounts(at: "/mnt/ies").map(\.source) == ["first", "second"])
        #expect(table.mount(at: "/mnt/ies")?.source == "second")
    }

    private static let automounts = """
        27 1 254:0 / / rw - ext4 /dev/vda rw
        40 27 0:41 / /direct rw - autofs systemd-1 rw,fd=4,pgrp=1,direct
        41 27 0:42 / /maps rw - autofs auto.ies rw,fd=5,pgrp=9,indirect
        42 41 0:43 / /maps/done ro - fuse.iesfs cn-north-4 ro
        43 27 0:44 / /direct2 rw - autofs systemd-1 rw,direct
        44 43 0:45 / /direct2 ro - fuse.iesfs cn-north-4 ro
        """

    @Test(arguments: [
        ("/direct", true), ("/maps/key", true), ("/direct2", true), ("/maps/done", false), ("/", false),
        ("/elsewhere", false),
    ])
    func `a path is an automount's where one stands at it or holds it`(_ path: String, _ expected: Bool) {
        #expect(Mountpoint.isAutomount(FilePath(path), in: table(Self.automounts)) == expected)
    }

    @Test func `this machine's own table has a root`() throws {
        #expect(try MountTable.current().mount(at: "/") != nil)
    }
}
