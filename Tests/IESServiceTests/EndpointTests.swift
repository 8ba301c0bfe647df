// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("cn-north-4", "https://metastudio.cn-north-4.myhuaweicloud.com"),
        ("cn-east-3", "https://metastudio.cn-east-3.myhuaweicloud.com"),
        ("ap-southeast-3", "https://metastudio.ap-southeast-3.myhuaweicloud.com"),
        ("https://Example.COM", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("HTTPS://example.com:8443", "https://example.com:8443"),
        ("https://example.com:443", "https://example.com"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://127.3.2.1:8080", "http://127.3.2.1:8080"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("example.com", "https://example.com"),
        ("localhost:8443", "https://localhost:8443"),
    ])
    func `a region or a URL names an endpoint`(source: String, expected: String) throws {
        #expect(try Endpoint.parse(source).description == expected)
    }

    @Test(arguments: [
        "", "cn north 4", "https://", "https:///path", "https://example.com/path", "https://example.com?x",
        "ftp://example.com",
        "https://example.com:0", "https://example.com:65536", "https://example.com:+1", "https://example.com:",
        "https://exa mple.com", "https://例え.jp", "https://-\n.com", "https://a..b", "https://example.com.",
        "https://[::1", "https://[fe80::1%eth0]", "https://[1.2.3.4]", "https://example.com\\@evil.com",
        "//example.com",
        "https://example.com/#x/y",
    ])
    func `anything else is refused`(source: String) {
        #expect(throws: EndpointError.self) { try Endpoint.parse(source) }
    }

    @Test(arguments: [
        "http://example.com", "http://127.1", "http://127.0.0.1.example.com", "http://0x7f000001", "http://2130706433",
        "http://[::2]", "http://[::ffff:127.0.0.1]", "http://localhost.example.com", "http://127.0.0.01",
        "http://10.0.0.1",
    ])
    func `http goes to this machine only, unless it is allowed`(source: String) throws {
        let error = #expect(throws: EndpointError.self) { try Endpoint.parse(source) }
        #expect(error?.description.contains("allow_http") == true)
        #expect(try !Endpoint.parse(source, allowsHTTP: true).isSecure)
    }

    @Test(arguments: ["https://user:canary@example.com", "https://canary@example.com/", "canary:x@host"])
    func `user info is refused and not repeated`(source: String) {
        let error = #expect(throws: EndpointError.self) { try Endpoint.parse(source) }
        #expect(error?.description.contains("canary") == false)
    }

    @Test func `a region's endpoint can come from the environment`() throws {
        let variable = "HUAWEICLOUD_SDK_REGION_METASTUDIO_CN_NORTH_4"
        func parse(_ value: String, _ region: String = "cn-north-4") throws -> String {
            try Endpoint.parse(region, environment: [variable: value]).description
        }
        #expect(try parse("https://a.example, https://b.example") == "https://a.example")
        #expect(try parse("a.example:8443") == "https://a.example:8443")
        #expect(try parse("") == "https://metastudio.cn-north-4.myhuaweicloud.com")
        #expect(try parse("https://a.example", "cn-east-3") == "https://metastudio.cn-east-3.myhuaweicloud.com")
        let error = #expect(throws: EndpointError.self) { try parse("http://a.example") }
        #expect(error?.description.contains(variable) == true)
    }
}

extension EndpointTests {
    @Test func `the authority has the port unless it is the scheme's own`() throws {
        #expect(try Endpoint.parse("https://example.com:443").authority == "example.com")
        #expect(try Endpoint.parse("https://example.com:80").authority == "example.com:80")
        #expect(try Endpoint.parse("http://[::1]:8080").authority == "[::1]:8080")
    }
}
