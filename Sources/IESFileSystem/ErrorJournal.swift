// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The last failures, for `/.iesfs/errors`: one JSON object a line, oldest first.
struct ErrorJournal: Sendable {
    static let capacity = 1000

    private struct Line: Encodable {
        let time, path, errno: String
        let code: String?
        let status: Int?
        let request_id: String?
        let message: String
    }

    /// In a ring, once full.
    private var lines: [[UInt8]] = []
    private var oldest = 0
    /// Failures since the start, those no longer kept included.
    private(set) var total = 0

    mutating func add(_ failure: FailureDetails, path: String) {
        let line = Self.render(failure, path: path)
        total += 1
        if lines.count < Self.capacity {
            lines.append(line)
        } else {
            lines[oldest] = line
            oldest = (oldest + 1) % Self.capacity
        }
    }

    var text: [UInt8] { Array((lines[oldest...] + lines[..<oldest]).joined()) }

    private static func render(_ failure: FailureDetails, path: String) -> [UInt8] {
        let line = Line(
            time: failure.time.text, path: path, errno: failure.errno.symbol, code: failure.code,
            status: failure.status, request_id: failure.requestID, message: failure.message)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and a number always encode.
        guard let data = try? encoder.encode(line) else { return [] }
        return Array(data) + [UInt8(ascii: "\n")]
    }
}
