// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@testable import IESFileSystem

@Suite struct NamesTests {
    @Test(arguments: ["a", "0a1b2c3d", "Task_1.v2-b", String(repeating: "x", count: 128)])
    func `a well-formed id is a name`(name: String) {
        #expect(Names.task(name)?.rawValue == name)
        #expect(Names.project(name)?.rawValue == name)
    }

    @Test(arguments: [
        "", ".", "..", ".Trash", ".Trash-1000", ".git", ".hidden", ".directory", "-rf", "a b", "a/b", "任务", "a\u{0}",
        "System Volume Information", "lost+found", "$RECYCLE.BIN", String(repeating: "x", count: 129),
    ])
    func `an ill-formed name is none`(name: String) {
        #expect(Names.task(name) == nil)
        #expect(Names.project(name) == nil)
    }

    @Test(arguments: [
        "autorun.inf", "AUTORUN.INF", "desktop.ini", "Desktop.ini", "Thumbs.db", "thumbs.db", "BDMV", "VIDEO_TS",
        "DCIM",
        "HEAD", "folder.jpg", "Folder.jpg", "autorun.sh", "CVS",
    ])
    func `what desktops probe for is no task and no project`(name: String) {
        #expect(Names.task(name) == nil)
        #expect(Names.project(name) == nil)
    }
}
