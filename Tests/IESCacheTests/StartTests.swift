// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

@testable import IESCache

@Suite struct StartTests {
    /// SQLite's pages at the head of the file: the schema, and tables of a few rows.
    private static let head = 64 * 4096

    @Test func `a start reads none of a hundred thousand results, and finds each when it is asked for`() throws {
        let scratch = try Scratch()
        let details = ResultDetails(modified: Timestamp(seconds: 5))
        do {
            let cache = try scratch.open()
            var changes: [IndexChange] = []
            for number in 0..<100_000 {
                let id = VersionID(rawValue: Int64(number + 1))
                let record = ResultRecord(
                    key: ResultKey(project: "p", task: "t\(number)"), version: 0, size: 5, details: details, id: id,
                    blockSize: cache.blockSize)
                changes += [.version(record, usedAt: 1), .block(id, 0, CRC32C(), charge: 4096)]
            }
            try cache.core.index.commit(changes)
            cache.close()
        }
        let path = scratch.cachePath.appending("index.sqlite")
        let bytes = try Scratch.read(path)
        #expect(bytes.count > 4 << 20)
        // Whoever reads any of it finds a damaged index.
        try Scratch.overwrite(path, at: Int64(Self.head), Array(repeating: 0xA5, count: bytes.count - Self.head))
        do {
            let cache = try scratch.open()
            #expect(cache.usage().replacedIndexes == 0 && scratch.warnings.all.isEmpty)
            #expect(cache.usage().used == 100_000 * 4096)
            cache.close()
        }
        try Scratch.overwrite(path, at: 0, bytes)
        let cache = try scratch.open()
        #expect(try cache.latest(ResultKey(project: "p", task: "t99999"))?.id == VersionID(rawValue: 100_000))
    }
}
