// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESService

@Suite struct AbsoluteURLTests {
    /// The examples of RFC 3986 section 5.4 that make an http URL.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"), (";x", "http://a/b/c/;x"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"),
        ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"), ("./g/.", "http://a/b/c/g/"),
        ("g/../h", "http://a/b/c/h"), ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("https://x.example:8443/p?q=1#f", "https://x.example:8443/p?q=1"),
        ("https://x.example", "https://x.example/"), ("https://x.example?q", "https://x.example/?q"),
        ("/a b/é", "http://a/a%20b/%C3%A9"), ("/a%2Fb", "http://a/a%2Fb"),
    ])
    func `a reference is resolved as RFC 3986 says`(reference: String, expected: String) throws {
        let base = try #require(AbsoluteURL.parse("http://a/b/c/d;p?q"))
        let url = try #require(base.resolve(reference))
        #expect("\(url.origin)\(url.target)" == expected)
    }

    @Test(arguments: [
        "ftp://x/", "javascript:alert(1)", "https://user@x/", "https://", "///", "https://x:99999/", "/a\r\nX: y",
        "/\u{0}",
        "https://x\\@y/", "mailto:a@b", "https://x@\u{301}y/",
    ])
    func `an address that no request should go to is refused`(reference: String) throws {
        let base = try #require(AbsoluteURL.parse("https://a/b"))
        #expect(base.resolve(reference) == nil)
    }

    @Test func `a query is split and decoded once`() throws {
        let url = try #require(AbsoluteURL.parse("https://a/b?x=1&y=%2525+%E4%BD%A0&z&=e&x=2=3"))
        #expect(url.query.map(\.name) == ["x", "y", "z", "", "x"])
        #expect(url.query.map(\.value) == ["1", "%25+你", "", "e", "2=3"])
    }
}
