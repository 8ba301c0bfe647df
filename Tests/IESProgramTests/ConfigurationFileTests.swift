// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

@Suite struct ConfigurationFileTests {
    private func values(_ text: String) throws(OptionError) -> [String: String] {
        try ConfigurationFile.values(of: Array(text.utf8), path: "/c.yaml")
    }

    private func sentence(_ text: String) -> String {
        do throws(OptionError) {
            _ = try values(text)
            return ""
        } catch {
            return error.description
        }
    }

    @Test func `texts, numbers, booleans and lists are read as they stand`() throws {
        let text = """
            # comment
            cache_dir: /var/cache/ies
            umask: 027
            allow_other: true
            projects:
              - a
              - b
            timeout: 45s
            """
        let expected = [
            "cache_dir": "/var/cache/ies", "umask": "027", "allow_other": "true", "projects": "a:b", "timeout": "45s",
        ]
        #expect(try values(text) == expected)
    }

    @Test(arguments: ["", "\n\n", "# only\n  # comments\n", "---\n# nothing\n"])
    func `a file without values is fine`(text: String) throws {
        #expect(try values(text).isEmpty)
    }

    @Test(arguments: [
        ("tiemout: 5", "/c.yaml: unknown key 'tiemout'; the nearest known one is timeout"),
        ("timeout: 5\ncache:\n  dir: /x", "/c.yaml: unknown key 'cache.dir'; the nearest known one is cache_dir"),
        ("_netdev: true", "/c.yaml: unknown key '_netdev'; the nearest known one is retries"),
    ])
    func `an unknown key names the file and the nearest key`(text: String, expected: String) {
        #expect(sentence(text) == expected)
    }

    @Test(arguments: ["timeout: [", "- a\n- b", "just text", "timeout: 1\ntimeout: 2", "a: b: c"])
    func `what is not a mapping in YAML is refused in one line`(text: String) {
        #expect(sentence(text).hasPrefix("/c.yaml: not valid YAML"))
        #expect(!sentence(text).contains("\n"))
    }

    @Test func `a secret in the file is refused and never repeated`() {
        #expect(sentence("sk: CANARY").contains("is a secret"))
        #expect(!sentence("sk: CANARY").contains("CANARY"))
        #expect(!sentence("sk: [CANARY").contains("CANARY"))
    }

    @Test func `only a file that was asked for must exist`() throws {
        #expect(try ConfigurationFile.values(ofFile: "/nonexistent/c.yaml", isRequired: false).isEmpty)
        #expect(throws: OptionError.self) {
            try ConfigurationFile.values(ofFile: "/nonexistent/c.yaml", isRequired: true)
        }
    }
}
