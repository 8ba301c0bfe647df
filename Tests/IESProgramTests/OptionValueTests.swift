// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Testing

@testable import iesfs

@Suite struct OptionValueTests {
    @Test(
        arguments: [
            ("0", 0), ("4096", 4_096), ("64K", 65_536), ("1M", 1_048_576), ("10g", 10_737_418_240),
            ("2T", 2_199_023_255_552),
            ("1MiB", 1_048_576), ("8388607T", 9_223_370_937_343_148_032),
        ] as [(String, Int64)])
    func `sizes take K, M, G and T as powers of 1024`(text: String, bytes: Int64) throws {
        #expect(try OptionValue.size(text) == bytes)
    }

    @Test(arguments: ["", "M", "-1", "1.5G", "1X", "8388608T", "99999999999999999999", "1 M", "٣"])
    func `what is no size is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try OptionValue.size(text) }
    }

    @Test(arguments: [
        ("30", Duration.seconds(30)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h", .seconds(3_600)),
        ("2d", .seconds(172_800)), ("250ms", .milliseconds(250)), ("0", .zero),
    ])
    func `times are seconds unless they say otherwise`(text: String, duration: Duration) throws {
        #expect(try OptionValue.duration(text) == duration)
    }

    @Test(arguments: ["", "s", "-1", "1.5", "10y", "1000000001"])
    func `what is no time is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try OptionValue.duration(text) }
    }

    @Test func `a umask is octal`() throws {
        #expect(try OptionValue.mask("027") == 0o27)
        #expect(throws: InvalidValue.self) { try OptionValue.mask("8") }
        #expect(throws: InvalidValue.self) { try OptionValue.mask("1777") }
    }

    @Test func `free space is a part of the disk or a size`() throws {
        #expect(try OptionValue.freeSpace("0%") == .part(0))
        #expect(try OptionValue.freeSpace("100%") == .part(1))
        #expect(try OptionValue.freeSpace("2G") == .bytes(2_147_483_648))
        for text in ["", "%", "101%", "-1%", "5 %", "half"] {
            #expect(throws: InvalidValue.self) { try OptionValue.freeSpace(text) }
        }
    }

    @Test func `what projects have of their own may have colons in it`() throws {
        let values = try OptionValue.projects("a=https://[::1]:8443:b-c=cn-east-3:d=http://h", of: "a URL")
        let expected = ["a": "https://[::1]:8443", "b-c": "cn-east-3", "d": "http://h"]
        #expect(values == Dictionary(uniqueKeysWithValues: expected.map { (ProjectID(rawValue: $0)!, $1) }))
        for text in ["", "a", "=b", "a=", "a=b:a=c", "a/b=c", "b:a=c", ".a=b"] {
            #expect(throws: InvalidValue.self) { try OptionValue.projects(text, of: "a URL") }
        }
    }
}
