// SPDX-License-Identifier: Apache-2.0

/// The inode numbers that were asked for in this run; those of earlier runs are in the index.
struct InodeNumbers {
    private struct Owner: Hashable {
        var path: String
        var variant: String
    }

    private var numbers: [Owner: UInt64] = [:]
    private var owners: [UInt64: Owner] = [:]

    func number(of path: String, _ variant: String) -> UInt64? { numbers[Owner(path: path, variant: variant)] }

    /// Gives `number` to what has none; false, and nothing done, if it is another's.
    mutating func give(_ number: UInt64, to path: String, _ variant: String) -> Bool {
        guard owners[number] == nil else { return false }
        let owner = Owner(path: path, variant: variant)
        numbers[owner] = number
        owners[number] = owner
        return true
    }

    func owner(of number: UInt64) -> (path: String, variant: String)? {
        owners[number].map { ($0.path, $0.variant) }
    }

    var changes: [IndexChange] {
        numbers.map { .inode($0.value, path: $0.key.path, variant: $0.key.variant) }
    }
}
