// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFileSystem

@Suite struct LinkNamesTests {
    @Test(arguments: [
        ("report.xlsx", "report.xlsx"), ("问答对.xlsx", "问答对.xlsx"), ("../../etc/passwd", ".._.._etc_passwd"),
        ("/", "_"), ("a\nb\u{0}c", "a_b_c"), ("evil\u{202e}xslx.exe", "evil_xslx.exe"), ("...", "..."), (" ", " "),
        ("a\u{2028}b", "a_b"), ("-rf", "-rf"),
    ])
    func `a file name is made safe and otherwise kept`(name: String, safe: String) {
        #expect(LinkNames.sanitise(name) == safe)
    }

    @Test(arguments: ["", ".", ".."])
    func `what means a directory is no name`(name: String) {
        #expect(LinkNames.sanitise(name) == nil)
    }

    @Test(arguments: ["x", "务", "e\u{301}"])
    func `a long name is cut to 255 bytes before its extension`(unit: String) throws {
        let name = try #require(LinkNames.sanitise(String(repeating: unit, count: 300) + ".xlsx"))
        #expect(name.utf8.count <= 255 && name.utf8.count > 250)
        #expect(name.hasSuffix(".xlsx"))
    }

    @Test func `duplicates are numbered before the extension`() {
        let names = LinkNames.assign([
            ("a.csv", 1), ("a.csv", 2), ("a (2).csv", 3), ("a.csv", 4), ("plain", 5), ("plain", 6), ("..", 7),
            (".env", 8), (".env", 9),
        ])
        #expect(
            names == [
                "a.csv": 1, "a (2).csv": 2, "a (2) (2).csv": 3, "a (3).csv": 4, "plain": 5, "plain (2)": 6, ".env": 8,
                ".env (2)": 9,
            ])
    }

    @Test func `a numbered long name still fits`() {
        let long = String(repeating: "x", count: 251) + ".csv"
        let names = LinkNames.assign([(long, 1), (long, 2)])
        #expect(names.count == 2)
        #expect(names[String(repeating: "x", count: 247) + " (2).csv"] == 2)
    }
}
