// SPDX-License-Identifier: Apache-2.0

/// FNV-1a with 64 bits (RFC 9923): the same number for the same bytes in every run and on every machine.
enum FNV1a {
    static let offsetBasis: UInt64 = 0xcbf2_9ce4_8422_2325
    private static let prime: UInt64 = 0x0000_0100_0000_01b3

    static func hash(_ bytes: some Sequence<UInt8>, from start: UInt64 = offsetBasis) -> UInt64 {
        bytes.reduce(start) { ($0 ^ UInt64($1)) &* prime }
    }
}

extension InodeNumber {
    /// The number that `node` has unless another path came to the same one first; 2 to 2⁶³ − 1, so that
    /// it fits into signed integers.
    static func preferred(for node: Node) -> InodeNumber {
        if node == .root { return .root }
        // A NUL occurs in neither part, so different pairs give different bytes.
        let path = FNV1a.hash(node.path.utf8)
        let number = FNV1a.hash(node.variant.utf8, from: FNV1a.hash(CollectionOfOne(0), from: path)) >> 1
        return InodeNumber(rawValue: max(number, 2))
    }
}
