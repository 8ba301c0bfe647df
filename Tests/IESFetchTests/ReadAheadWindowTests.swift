// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFetch

@Suite struct ReadAheadWindowTests {
    static let mebibyte: Int64 = 1 << 20

    @Test func `sequential reading doubles the window up to its maximum`() {
        var window = ReadAheadWindow(maximum: 64 << 20)
        #expect(window.window == Self.mebibyte)
        var offset: Int64 = 0
        while offset < 200 << 20 {
            window.note(offset..<offset + 131_072)
            offset += 131_072
        }
        #expect(window.window == 64 << 20)
        #expect(window.target == 200 << 20..<328 << 20)
    }

    @Test func `the kernel's read-ahead in another order is still sequential`() {
        var window = ReadAheadWindow(maximum: 64 << 20)
        // Pieces of 128 KiB, each group of 16 backwards.
        for group in 0..<40 as Range<Int64> {
            for piece in (0..<16 as Range<Int64>).reversed() {
                let offset = (group * 16 + piece) * 131_072
                window.note(offset..<offset + 131_072)
            }
        }
        #expect(window.window >= 32 << 20)
    }

    @Test func `random reading reads nothing ahead, and going on from there begins anew`() {
        var window = ReadAheadWindow(maximum: 64 << 20)
        window.note(500 << 20..<500 << 20 + 4096)
        #expect(window.window == 0 && window.target.isEmpty)
        window.note(100 << 20..<100 << 20 + 4096)
        #expect(window.window == 0)
        window.note(100 << 20 + 4096..<100 << 20 + 8192)
        #expect(window.window == Self.mebibyte)
    }
}
