// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

@Suite struct MemoryLimitTests {
    @Test func `the lowest limit on the way up counts`() {
        let limits = ["/a/b": "max\n", "/a": "1048576\n", "": "2097152\n"]
        #expect(ProcessLimits.memory(groups: "0::/a/b\n") { limits[$0] } == 1_048_576)
        #expect(ProcessLimits.memory(groups: "0::/\n") { limits[$0] } == 2_097_152)
    }

    @Test func `without the second version of control groups there is no limit`() {
        #expect(ProcessLimits.memory(groups: "4:memory:/x\n1:name=systemd:/\n") { _ in "1" } == nil)
        #expect(ProcessLimits.memory(groups: "0::/x\n") { _ in nil } == nil)
    }
}
