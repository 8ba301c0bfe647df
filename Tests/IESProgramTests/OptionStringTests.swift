// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

@Suite struct OptionStringTests {
    @Test func `commas separate, equals signs assign, and empty pieces do not count`() {
        let items = OptionString.items(of: "ro,,uid=7,proxy=http://a/?b=c,")
        #expect(
            items == [
                .init(name: "ro", value: nil), .init(name: "uid", value: "7"),
                .init(name: "proxy", value: "http://a/?b=c"),
            ])
    }

    @Test(arguments: [
        (#"cache_dir=/a\,b,ro"#, "/a,b"), (#"cache_dir=/a\\b"#, #"/a\b"#), (#"cache_dir=/a\b"#, "/ab"),
        (#"cache_dir=/a\"#, #"/a\"#),
    ])
    func `a backslash takes the next character literally`(text: String, value: String) {
        #expect(OptionString.items(of: text).first?.value == value)
    }

    @Test func `what was written as text reads back the same`() {
        let items = [
            OptionString.Item(name: "log", value: #"/var/a,b\c,=d"#), .init(name: "x-a,b", value: nil),
            .init(name: "proxy", value: ""),
        ]
        #expect(OptionString.items(of: OptionString.text(of: items)) == items)
    }
}

@Suite struct EditDistanceTests {
    @Test(arguments: [
        ("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("abcd", "acbd", 1), ("Timeout", "timeout", 0),
        ("cachesize", "cache_size", 1),
    ])
    func `distances are those of optimal string alignment, regardless of case`(a: String, b: String, distance: Int) {
        #expect(EditDistance.between(a, b) == distance)
        #expect(EditDistance.between(b, a) == distance)
    }
}
