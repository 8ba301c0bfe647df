// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESService

@Suite struct JSONTextTests {
    private func read(_ text: String) -> JSONText.Reading { JSONText.read(Array(text.utf8)) }

    @Test func `a document is read with its numbers as they are written`() {
        let reading = read(#" {"a": [1, -2.50e+3, 12345678901234567890], "b": {"c": null, "d": true}, "e": "x"} "#)
        #expect(reading.isWhole)
        #expect(reading.value?["a"] == .array([.number("1"), .number("-2.50e+3"), .number("12345678901234567890")]))
        #expect(reading.value?["b"]?["c"] == .null)
        #expect(reading.value?["b"]?["d"]?.scalar == "true")
    }

    @Test(arguments: [
        (#""\u4f60\u597d""#, "你好"), (#""\ud83d\udd11""#, "🔑"), (#""\ud83d""#, "\u{FFFD}"), (#""\ud83dx""#, "\u{FFFD}x"),
        (#""\udd11""#, "\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""a\u0000b""#, "a\u{0}b"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), ("\"e\u{301}\"", "e\u{301}"), (#""\u12""#, "\u{FFFD}"),
    ])
    func `a string is decoded`(text: String, expected: String) {
        let scalar = read(text).value?.scalar ?? ""
        #expect(scalar.unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test func `bytes that are not UTF-8 are replaced and the rest is kept`() {
        let bytes = Array(#"{"m":"ab"#.utf8) + [0xFF] + Array(#"cd"}"#.utf8)
        let reading = JSONText.read(bytes)
        #expect(reading.isWhole)
        #expect(reading.value?["m"] == .string("ab\u{FFFD}cd"))
    }

    @Test(arguments: [
        "{", "[1,", #"{"a""#, #"{"a":"#, #"{"a":"b"#, #"{"a":1}x"#, "", "tru", "[1 2]", #"{"a" 1}"#, "nul", "\u{1}",
    ])
    func `a broken document is read as far as it goes`(text: String) {
        #expect(!read(text).isWhole)
    }

    @Test func `what came before the break is there`() {
        #expect(
            read(#"{"a":1,"b":"xy"#).value
                == .object([.init(name: "a", value: .number("1")), .init(name: "b", value: .string("xy"))]))
        #expect(read("[1,2,").value == .array([.number("1"), .number("2")]))
    }

    @Test func `of two members of one name the last counts`() {
        #expect(read(#"{"a":1,"a":2}"#).value?["a"] == .number("2"))
    }

    @Test func `depth is bounded`() {
        let deep = String(repeating: "[", count: 1_000_000)
        #expect(!read(deep).isWhole)
        #expect(!read(String(repeating: #"{"a":"#, count: 100_000)).isWhole)
        #expect(read(String(repeating: "[", count: 60) + String(repeating: "]", count: 60)).isWhole)
    }

    @Test func `the number of values is bounded`() {
        let wide = "[" + String(repeating: "0,", count: 1_100_000) + "0]"
        #expect(!read(wide).isWhole)
    }
}
