// SPDX-License-Identifier: Apache-2.0

/// Bytes of one file that have arrived and are not on the disk: a value without a file.
struct MemoryPieces: Sendable {
    /// Bytes of one block, next to each other.
    struct Piece: Sendable {
        let start: Int64
        let buffer: PieceBuffer
        /// Bytes of the buffer that are filled.
        var count: Int
        /// It is being written: nothing is added to it any more.
        var isTaken = false

        var end: Int64 { start + Int64(count) }

        /// Of offsets within the piece; valid as long as the piece is.
        func bytes(_ range: Range<Int64>) -> UnsafeRawBufferPointer {
            buffer.bytes(Int(range.lowerBound - start)..<Int(range.upperBound - start))
        }
    }

    /// Few enough for a file's list to be searched and shifted in no time, and large enough to be written at the disk's speed.
    static let pieceSize = 256 << 10

    /// By their start; no two overlap.
    private var pieces: [Piece] = []
    private(set) var ranges = ByteRanges()

    var isEmpty: Bool { pieces.isEmpty }

    /// Adds bytes none of which are held here.
    ///
    /// - Parameters:
    ///   - bytes: At most `pieceSize`.
    ///   - block: No piece reaches across its bounds.
    ///   - buffer: Makes one of so many bytes for a new piece, which has room for what is likely to follow.
    /// - Returns: The start of a new piece; nil if a piece was made longer.
    mutating func add(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, in block: Range<Int64>, buffer: (Int) -> PieceBuffer
    ) -> Int64? {
        ranges.insert(offset..<offset + Int64(bytes.count))
        let index = firstIndex(endingAfter: offset - 1)
        if index < pieces.count, pieces[index].end == offset, offset > block.lowerBound, !pieces[index].isTaken,
            pieces[index].count + bytes.count <= pieces[index].buffer.capacity
        {
            pieces[index].buffer.write(bytes, at: pieces[index].count)
            pieces[index].count += bytes.count
            return nil
        }
        let place = index < pieces.count && pieces[index].end == offset ? index + 1 : index
        let buffer = buffer(max(bytes.count, Int(min(block.upperBound - offset, Int64(Self.pieceSize)))))
        buffer.write(bytes, at: 0)
        pieces.insert(Piece(start: offset, buffer: buffer, count: bytes.count), at: place)
        return offset
    }

    /// The piece that starts at `start`, which stays readable and grows no more; no buffer if there is none.
    mutating func take(at start: Int64) -> (buffer: PieceBuffer?, count: Int) {
        guard let index = index(of: start) else { return (nil, 0) }
        pieces[index].isTaken = true
        return (pieces[index].buffer, pieces[index].count)
    }

    /// Takes `take` back: it could not be written.
    mutating func giveBack(at start: Int64) {
        if let index = index(of: start) { pieces[index].isTaken = false }
    }

    /// - Returns: How many bytes it had.
    @discardableResult
    mutating func remove(at start: Int64) -> Int {
        guard let index = index(of: start) else { return 0 }
        let piece = pieces.remove(at: index)
        ranges.remove(piece.start..<piece.end)
        return piece.count
    }

    /// The pieces that `range` touches, in order.
    func pieces(in range: Range<Int64>) -> ArraySlice<Piece> {
        let first = firstIndex(endingAfter: range.lowerBound)
        var end = first
        while end < pieces.count, pieces[end].start < range.upperBound { end += 1 }
        return pieces[first..<end]
    }

    /// Whether what is held here of `bytes`, which belong at `offset`, is the same.
    func agrees(with bytes: UnsafeRawBufferPointer, at offset: Int64) -> Bool {
        let range = offset..<offset + Int64(bytes.count)
        return pieces(in: range).allSatisfy { piece in
            let common = range.clamped(to: piece.start..<piece.end)
            let other = bytes[Int(common.lowerBound - offset)..<Int(common.upperBound - offset)]
            return piece.bytes(common).elementsEqual(other)
        }
    }

    private func index(of start: Int64) -> Int? {
        let index = firstIndex(endingAfter: start)
        return index < pieces.count && pieces[index].start == start ? index : nil
    }

    private func firstIndex(endingAfter offset: Int64) -> Int {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].end > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
