// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@Suite struct ProfileFileTests {
    private func value(_ key: String, in text: String, profile: String = "basic") throws -> String? {
        try ProfileFile(text).value(key, in: profile)?.reveal { $0 }
    }

    @Test(arguments: [
        ("[basic]\nak = a\nsk = b", "b"), ("[basic]\nSK=b", "b"), ("[basic]\nsk: b", "b"),
        ("[basic]\nsk = b=c==", "b=c=="),
        ("[basic]\nsk = b:c", "b:c"), ("[basic]\nsk : b=c", "b=c"), ("# x\n; y\n[basic]\n  # z\nsk = b", "b"),
        ("[basic]\nsk = b # no comment", "b # no comment"), ("[basic]\nsk = \"b\"", "\"b\""),
        ("[basic]\r\nsk = b\r\n", "b"),
        ("\u{FEFF}[basic]\nsk=b", "b"), ("[DEFAULT]\nsk = d\n[basic]\nak = a", "d"),
        ("[DEFAULT]\nsk = d\n[basic]\nsk = b", "b"),
        ("[global]\nsk = g\n[basic]\nsk = b", "b"), ("[basic]\nsk = 100%", "100%"), ("[basic]\n   sk   =   b   ", "b"),
        ("[basic]\n\n\nsk = b c", "b c"), ("[basic] # x\nsk = b", "b"), ("[basic]\nsk = 密", "密"),
    ])
    func `a key is found by the rules of the official tools`(text: String, expected: String) throws {
        #expect(try value("sk", in: text) == expected)
    }

    @Test(arguments: [
        "", "[basic]", "[Basic]\nsk = b", "[basic]\nsk =", "[basic]\nak = a", "[global]\nsk = b", "[DEFAULT]\nsk = d",
    ])
    func `a key that is not there, or empty, is absent`(text: String) throws {
        #expect(try value("sk", in: text) == nil)
    }

    @Test(arguments: [
        ("sk = b", "line 1"), ("[basic]\nak = canary\nAK = canary", "line 3"), ("[basic]\ncanary", "line 2"),
        ("[basic]\n= canary", "line 2"), ("[basic]\nak = a\n\n[basic]\nsk = b", "line 4"), ("[]\nsk = b", "line 1"),
        ("[basic\nsk = b", "line 1"),
    ])
    func `a broken file is refused by the number of its line, without its text`(text: String, line: String) {
        let failure = #expect(throws: ProfileFile.Failure.self) { try ProfileFile(text) }
        #expect(failure?.text.contains(line) == true)
        #expect(failure?.text.contains("canary") == false)
    }
}
