// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFileSystem

@Suite struct AttributeTextTests {
    @Test(arguments: ["任务尚未完成", "plain", "back\\slash \"quoted\"", "🙂 e\u{301}", "\u{a0}\u{200b}", ""])
    func `a message without control characters is itself, byte for byte`(text: String) {
        #expect(AttributeText.value(text) == Array(text.utf8))
    }

    @Test(arguments: [
        ("a\u{0}b", "a\\x00b"), ("a\nb\tc\r\n", "a\\x0ab\\x09c\\x0d\\x0a"), ("\u{1b}[31m", "\\x1b[31m"),
        ("\u{7f}\u{85}\u{9f}", "\\x7f\\x85\\x9f"),
    ])
    func `control characters are escaped`(text: String, value: String) {
        #expect(AttributeText.value(text) == Array(value.utf8))
    }

    @Test(arguments: [
        ("x", 65_536), ("务", 65_535), ("🙂", 65_536), ("\n", 65_536), ("\u{e9}", 65_536), ("\u{7}x", 65_535),
    ])
    func `a value is at most 64 KiB of whole characters`(unit: String, length: Int) {
        let value = AttributeText.value(String(repeating: unit, count: 70_000))
        #expect(value.count == length)
        #expect(String(validating: value, as: UTF8.self) != nil)
    }
}
