// SPDX-License-Identifier: Apache-2.0

/// The inode numbers that were asked for in this run; those of earlier runs are in the index.
struct InodeNumbers {
    private struct Owner: Hashable {
        var path: String
        var variant: String
    }

    private var numbers: [Owner: UInt64] = [:]
    private var owners: [UInt64: Owner] = [:]

    /// - Returns: The number, and whether the index does not have it yet.
    mutating func number(
        of path: String, _ variant: String, preferred: UInt64, in index: Index
    ) throws(CacheError) -> (UInt64, isNew: Bool) {
        let owner = Owner(path: path, variant: variant)
        if let number = numbers[owner] { return (number, false) }
        if let number = try index.inode(path, variant), number > 1, owners[number] == nil {
            take(number, owner)
            return (number, false)
        }
        var number = max(preferred, 2)
        while try isTaken(number, in: index) { number = max(number &+ 1, 2) }
        take(number, owner)
        return (number, true)
    }

    func owner(of number: UInt64) -> (path: String, variant: String)? {
        owners[number].map { ($0.path, $0.variant) }
    }

    var changes: [IndexChange] {
        numbers.map { .inode($0.value, path: $0.key.path, variant: $0.key.variant) }
    }

    private func isTaken(_ number: UInt64, in index: Index) throws(CacheError) -> Bool {
        if owners[number] != nil { return true }
        return try index.owner(ofInode: number) != nil
    }

    private mutating func take(_ number: UInt64, _ owner: Owner) {
        numbers[owner] = number
        owners[number] = owner
    }
}
