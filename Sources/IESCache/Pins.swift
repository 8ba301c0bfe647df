// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The versions that are never evicted, because somebody asked for that.
struct Pins: Sendable {
    /// What each takes on the disk once it is complete.
    private var charges: [VersionID: Int64] = [:]
    /// What all of them take then, in bytes.
    private(set) var bytes: Int64 = 0

    var count: Int { charges.count }

    func contains(_ id: VersionID) -> Bool { charges[id] != nil }

    mutating func insert(_ record: ResultRecord) {
        let charge = record.wholeCharge
        bytes += charge - (charges.updateValue(charge, forKey: record.id) ?? 0)
    }

    mutating func remove(_ id: VersionID) { bytes -= charges.removeValue(forKey: id) ?? 0 }

    /// For an index that was begun anew.
    var changes: [IndexChange] { charges.keys.map { .pin($0, true) } }
}

extension ResultRecord {
    /// What all of its blocks take on the disk, in bytes.
    var wholeCharge: Int64 {
        let map = BlockMap(size: size, blockSize: blockSize)
        return map.charge(ofBlocks: Int64(map.blockCount), last: Int64(map.blockCount) - 1)
    }
}

extension Database {
    /// The pins that hold; takes out those that do not.
    func pins() throws -> Pins {
        var pins = Pins()
        var wrong: [Int64] = []
        var checks: [Int64: Int64] = [:]
        let all = try rows("SELECT version, row_check FROM pin")
        while let row = try all.next() {
            if let number = row.number(at: 0) { checks[number] = row.number(at: 1) ?? -1 }
        }
        for (number, check) in checks {
            let id = VersionID(rawValue: number)
            let found = try rows("SELECT \(ResultRecord.columns) FROM version WHERE id = ?", [number])
            if check == Int64(IndexChange.check(pin: id)), let row = try found.next(), let record = ResultRecord(row) {
                pins.insert(record)
            } else {
                wrong.append(number)
            }
        }
        for number in wrong { try run("DELETE FROM pin WHERE version = ?", [number]) }
        return pins
    }
}
