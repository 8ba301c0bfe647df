// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

/// What a terminal shows while something takes its time.
@Suite struct ProgressLineTests {
    @Test(arguments: [
        (0, "0 B"), (-5, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1536, "1.5 KiB"), (10_138, "9.9 KiB"),
        (10_240, "10 KiB"), (1_048_576, "1.0 MiB"), (314_572_800, "300 MiB"), (1_073_741_824, "1.0 GiB"),
        (Int64.max, "8192 PiB"),
    ])
    func `sizes have three digits`(bytes: Int64, text: String) {
        #expect(HumanText.size(bytes) == text)
    }

    @Test(arguments: [
        (0.0, "0:00"), (6.2, "0:07"), (65, "1:05"), (750, "12:30"), (3_600, "1:00:00"), (11_100, "3:05:00"),
        (1e9, "--:--"), (.infinity, "--:--"), (.nan, "--:--"),
    ])
    func `times are as clocks show them`(seconds: Double, text: String) {
        #expect(HumanText.time(seconds) == text)
    }

    @Test func `a rate settles at what comes, and follows when that changes`() throws {
        var rate = ProgressRate()
        for second in 0..<20 { rate.note(Int64(second) * 1_000, at: Double(second)) }
        #expect(abs(try #require(rate.rate) - 1_000) < 1)
        for second in 20..<40 { rate.note(20_000 + Int64(second - 20) * 4_000, at: Double(second)) }
        #expect(abs(try #require(rate.rate) - 4_000) < 100)
        // Nothing comes any more, and what is told too often tells nothing.
        let last = Int64(20_000 + 19 * 4_000)
        for tenth in 0..<300 { rate.note(last, at: 40 + Double(tenth) / 10) }
        #expect(try #require(rate.rate) < 10)
    }

    @Test func `the line says part, counts, rate and time left, and fits`() {
        let progress = ToolProgress(results: 4, done: 1, failed: 1, bytes: 50 << 20, totalBytes: 200 << 20)
        #expect(
            ProgressLine.text(progress, rate: Double(10 << 20), width: 120)
                == "[##########..............................] 25%  2 of 4  50 MiB of 200 MiB  10 MiB/s  ETA 0:15  1 failed"
        )
        #expect(
            ProgressLine.text(progress, rate: nil, width: 60)
                == "[####............] 25%  2 of 4  50 MiB of 200 MiB  1 failed")
        for width in 0..<200 {
            let line = ProgressLine.text(progress, rate: 1e15, width: width)
            #expect(line.count <= max(0, width - 1), "\(width)")
        }
    }

    @Test func `results of unknown size are taken to be like the others`() {
        let progress = ToolProgress(results: 4, done: 1, bytes: 10 << 20, totalBytes: 20 << 20, unsized: 2)
        #expect(
            ProgressLine.text(progress, rate: Double(1 << 20), width: 120).hasSuffix(
                "] 25%  1 of 4  10 MiB of about 40 MiB  1.0 MiB/s  ETA 0:30"))
        #expect(ProgressLine.text(ToolProgress(results: 2, unsized: 2), rate: 0, width: 120).contains(" 0%  0 of 2"))
    }
}
