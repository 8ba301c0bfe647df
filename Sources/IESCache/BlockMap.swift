// SPDX-License-Identifier: Apache-2.0

/// What one data file holds: a value without a file, so that its rules can be tested alone.
///
/// A block is *held* once all its bytes have arrived and its checksum is known. Bytes are *believed*, and may be read,
/// if they arrived in this run or their block's checksum has been checked in this run.
struct BlockMap: Sendable {
    /// How a range of bytes stands.
    enum Standing: Hashable { case readable, unverified, missing }

    /// Bytes of an unfinished block that have arrived, next to each other.
    struct Piece: Hashable, Sendable {
        var range: Range<Int64>
        var checksum: CRC32C
    }

    let size: Int64
    let blockSize: Int64
    /// Bytes that have arrived, in this run or as a held block of an earlier one.
    private(set) var present = ByteRanges()
    private(set) var believed = ByteRanges()
    /// Of held blocks.
    private(set) var checksums: [Int: CRC32C] = [:]
    /// Of unfinished blocks, in order.
    private(set) var pieces: [Int: [Piece]] = [:]

    init(size: Int64, blockSize: Int) {
        self.size = size
        self.blockSize = Int64(blockSize)
    }

    var blockCount: Int { Int(size / blockSize) + (size % blockSize == 0 ? 0 : 1) }
    var isComplete: Bool { present.count == size }
    var isBelieved: Bool { believed.count == size }
    /// Whether nothing of an earlier run is left unverified.
    var hasDoubts: Bool { believed.count != present.count }

    func block(at offset: Int64) -> Int { Int(offset / blockSize) }

    func range(of block: Int) -> Range<Int64> {
        let start = Int64(block) * blockSize
        return start..<(start + min(blockSize, size - start))
    }

    /// The numbers of the blocks that `range` touches.
    func blocks(in range: Range<Int64>) -> Range<Int> {
        range.isEmpty ? 0..<0 : block(at: range.lowerBound)..<(block(at: range.upperBound - 1) + 1)
    }

    func standing(of range: Range<Int64>) -> Standing {
        if believed.contains(range) { return .readable }
        return present.contains(range) ? .unverified : .missing
    }

    /// The checksum of a held block that has not been verified in this run.
    func doubt(_ block: Int) -> CRC32C? {
        guard let checksum = checksums[block], !believed.contains(range(of: block)) else { return nil }
        return checksum
    }

    /// The checksum of the bytes of an unfinished block that have arrived and end at `offset`.
    func checksum(before offset: Int64, in block: Int) -> CRC32C? {
        pieces[block]?.first { $0.range.upperBound == offset }?.checksum
    }
}

extension BlockMap {
    /// Takes a block of an earlier run, in doubt. False if there is no such block.
    @discardableResult
    mutating func restore(_ block: Int, _ checksum: CRC32C, believed isBelieved: Bool = false) -> Bool {
        guard block >= 0, block < blockCount else { return false }
        checksums[block] = checksum
        present.insert(range(of: block))
        if isBelieved { believed.insert(range(of: block)) }
        return true
    }

    mutating func verified(_ block: Int) {
        guard checksums[block] != nil else { return }
        believed.insert(range(of: block))
    }

    mutating func drop(_ block: Int) {
        checksums[block] = nil
        pieces[block] = nil
        present.remove(range(of: block))
        believed.remove(range(of: block))
    }

    /// Bytes `range` of one unfinished block, none of them present, are in the file.
    ///
    /// - Parameter checksum: If `extending`, of the piece that ends at the range's start with the range; else of the range.
    /// - Returns: The block's checksum, if it is held now.
    mutating func arrived(_ range: Range<Int64>, _ checksum: CRC32C, extending: Bool) -> CRC32C? {
        let block = block(at: range.lowerBound)
        var list = pieces[block] ?? []
        var index = list.firstIndex { $0.range.upperBound >= range.lowerBound } ?? list.count
        if extending {
            list[index].range = list[index].range.lowerBound..<range.upperBound
            list[index].checksum = checksum
        } else {
            if index < list.count, list[index].range.upperBound == range.lowerBound { index += 1 }
            list.insert(Piece(range: range, checksum: checksum), at: index)
            if index > 0, list[index - 1].range.upperBound == range.lowerBound {
                index -= 1
                Self.merge(&list, index)
            }
        }
        if index + 1 < list.count, list[index + 1].range.lowerBound == range.upperBound { Self.merge(&list, index) }
        present.insert(range)
        believed.insert(range)
        guard list.count == 1, list[0].range == self.range(of: block) else {
            pieces[block] = list
            return nil
        }
        pieces[block] = nil
        checksums[block] = list[0].checksum
        return list[0].checksum
    }

    private static func merge(_ list: inout [Piece], _ index: Int) {
        let next = list.remove(at: index + 1)
        list[index].range = list[index].range.lowerBound..<next.range.upperBound
        list[index].checksum.append(next.checksum, count: next.range.upperBound - next.range.lowerBound)
    }
}

extension BlockMap {
    /// The disk space that what has arrived of `block` takes, in bytes: whole pages.
    func charge(of block: Int) -> Int64 {
        if checksums[block] != nil { return Self.pages(range(of: block)) * Self.page }
        var pages: Int64 = 0
        var counted: Int64 = -1
        for piece in pieces[block] ?? [] {
            let first = max(piece.range.lowerBound / Self.page, counted + 1)
            let last = (piece.range.upperBound - 1) / Self.page
            if last >= first { pages += last - first + 1 }
            counted = max(counted, last)
        }
        return pages * Self.page
    }

    /// The disk space that `range` of an unfinished block would take besides what has arrived, in bytes.
    func charge(ofAdding range: Range<Int64>, to block: Int) -> Int64 {
        var taken = ByteRanges()
        for piece in pieces[block] ?? [] { taken.insert(Self.pageNumbers(piece.range)) }
        let gaps = taken.gaps(in: Self.pageNumbers(range))
        return gaps.reduce(0) { $0 + $1.upperBound - $1.lowerBound } * Self.page
    }

    /// What `count` bytes from a page's start take.
    static func charge(ofBytes count: Int64) -> Int64 { pages(0..<count) * page }

    private static let page: Int64 = 4096

    private static func pages(_ range: Range<Int64>) -> Int64 {
        range.isEmpty ? 0 : pageNumbers(range).upperBound - pageNumbers(range).lowerBound
    }

    /// Of a range that is not empty.
    private static func pageNumbers(_ range: Range<Int64>) -> Range<Int64> {
        range.lowerBound / page..<(range.upperBound - 1) / page + 1
    }

    /// Stands for the whole list of held blocks and their checksums.
    var digest: UInt32 {
        var check = RowCheck()
        for block in checksums.keys.sorted() {
            check.add(Int64(block))
            check.add(Int64(checksums[block]?.value ?? 0))
        }
        return check.value
    }
}
