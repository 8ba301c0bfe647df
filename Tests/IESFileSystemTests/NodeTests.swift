// SPDX-License-Identifier: Apache-2.0

import IESService
import Testing

@testable import IESFileSystem

@Suite struct NodeTests {
    static let project = ProjectID(rawValue: "0a1b2c3d4e5f60718293a4b5c6d7e8f9")!
    static let task = TaskID(rawValue: "be0821bdf8d04949bf4c9852fa87c590")!
    static let id = ResultID(project: project, task: task)

    static let nodes: [Node] = [
        .root, .project(project), .links(of: project), .link(in: project, name: "报告 (2).xlsx", target: task),
        .result(id, version: 0), .result(id, version: 12), .refused(id, size: 1), .refused(id, size: 65_536),
        .statusDirectory, .status(.status), .status(.errors),
    ]

    // Vectors of draft-eastlake-fnv (RFC 9923), FNV-1a with 64 bits.
    @Test(
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
        ] as [(String, UInt64)])
    func `the hash is FNV-1a`(text: String, hash: UInt64) {
        #expect(FNV1a.hash(text.utf8) == hash)
    }

    @Test func `a node comes back from its path and variant`() {
        for node in Self.nodes { #expect(Node(path: node.path, variant: node.variant) == node) }
    }

    @Test(arguments: [
        ("/", "x"), ("", ""), ("//", ""), ("/a/b", ""), ("/a/b", "version"), ("/a/b", "version x"),
        ("/a/b", "version 1 2"),
        ("/a/b/c", "version 0"), ("/.hidden", ""), ("/a/.b", "version 0"), ("/.iesfs/other", ""),
        ("/a/.by-name/x", "-"),
    ])
    func `what is no node's path is none`(path: String, variant: String) {
        #expect(Node(path: path, variant: variant) == nil)
    }

    @Test func `numbers differ, fit into signed integers, and are the same in every run`() {
        let numbers = Self.nodes.map { InodeNumber.preferred(for: $0).rawValue }
        #expect(Set(numbers).count == Self.nodes.count)
        #expect(numbers.allSatisfy { $0 >= 1 && $0 <= UInt64(Int64.max) })
        #expect(InodeNumber.preferred(for: .root) == .root)
        // FNV-1a of "/0a1b…/be08…", NUL, "version 0", halved; computed with Python.
        #expect(InodeNumber.preferred(for: .result(Self.id, version: 0)).rawValue == 2_320_332_930_945_081_540)
    }
}
