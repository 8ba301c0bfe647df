// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESCache

@Suite struct DiskHealthTests {
    @Test func `each failure doubles the pause, and what works ends it`() {
        let start = ContinuousClock.now
        var health = DiskHealth(firstPause: .seconds(5))
        #expect(health.state == .normal && health.mayTry(at: start))
        let isFirst = health.failed(at: start)
        #expect(isFirst)
        #expect(health.state == .unstable && !health.mayTry(at: start + .seconds(4)))
        #expect(health.mayTry(at: start + .seconds(5)))
        let isSecond = health.failed(at: start + .seconds(5))
        #expect(!isSecond)
        #expect(health.state == .unstable && health.pause(at: start + .seconds(5)) == .seconds(10))
        let isThird = health.failed(at: start + .seconds(15))
        #expect(!isThird)
        #expect(health.state == .down && health.pause(at: start + .seconds(15)) == .seconds(20))
        let hasRecovered = health.worked()
        #expect(hasRecovered)
        #expect(health.state == .normal && health.mayTry(at: start))
        let recoversAgain = health.worked()
        #expect(!recoversAgain)
    }

    @Test func `failures of what was begun before the last one do not count`() {
        let start = ContinuousClock.now
        var health = DiskHealth(firstPause: .seconds(5))
        for _ in 0..<10 { _ = health.failed(at: start) }
        #expect(health.state == .unstable && health.pause(at: start) == .seconds(5))
    }

    @Test func `a pause has an end`() {
        var now = ContinuousClock.now
        var health = DiskHealth(firstPause: .seconds(5))
        for _ in 0..<100 {
            _ = health.failed(at: now)
            now += .seconds(60)
        }
        #expect(health.pause(at: now) <= .seconds(60))
    }
}

@Suite struct MemoryPiecesTests {
    private func pieces(_ parts: [(Int64, [UInt8])]) -> MemoryPieces {
        var pieces = MemoryPieces()
        for (offset, bytes) in parts { _ = add(bytes, at: offset, to: &pieces) }
        return pieces
    }

    private func add(
        _ bytes: [UInt8], at offset: Int64, in block: Range<Int64> = 0..<1 << 20, to pieces: inout MemoryPieces
    ) -> Int64? {
        bytes.withUnsafeBytes { pieces.add($0, at: offset, in: block) { PieceBuffer(capacity: $0) } }
    }

    @Test func `bytes next to each other make one piece, until it is written`() {
        var pieces = pieces([(10, [1, 2]), (12, [3])])
        let (buffer, filled) = pieces.take(at: 10)
        let taken = buffer.map { Array($0.bytes(0..<filled)) }
        #expect(taken == [1, 2, 3])
        let new = add([4, 4], at: 13, to: &pieces)
        #expect(new == 13)
        #expect(pieces.ranges.ranges == [10..<15])
        #expect(pieces.pieces(in: 12..<14).map(\.start) == [10, 13])
        let count = pieces.remove(at: 10)
        #expect(count == 3)
        #expect(pieces.ranges.ranges == [13..<15])
    }

    @Test func `no piece reaches across the start of a block`() {
        var pieces = pieces([(6, [1, 2])])
        let new = add([3], at: 8, in: 8..<16, to: &pieces)
        #expect(new == 8)
    }

    @Test func `who reads a piece while it grows keeps what it was told of`() throws {
        var pieces = pieces([(0, [1, 2, 3])])
        let piece = try #require(pieces.pieces(in: 0..<3).first)
        #expect(add([4, 5], at: 3, to: &pieces) == nil)
        #expect(Array(piece.bytes(0..<3)) == [1, 2, 3] && piece.end == 3)
        #expect(pieces.pieces(in: 0..<5).first.map { Array($0.bytes(0..<5)) } == [1, 2, 3, 4, 5])
    }

    @Test func `a buffer is used again when nobody else has it`() {
        let buffers = PieceBuffers()
        var buffer: PieceBuffer? = buffers.take(MemoryPieces.pieceSize)
        let first = buffer.map { ObjectIdentifier($0) }
        let reader = buffer
        buffers.giveBack(&buffer)
        buffer = buffers.take(MemoryPieces.pieceSize)
        #expect(buffer.map { ObjectIdentifier($0) } != first)
        let second = buffer.map { ObjectIdentifier($0) }
        buffers.giveBack(&buffer)
        buffer = buffers.take(MemoryPieces.pieceSize)
        #expect(buffer.map { ObjectIdentifier($0) } == second)
        withExtendedLifetime(reader) {}
    }

    @Test func `buffers that nobody uses are given back, those in use are not`() {
        let buffers = PieceBuffers()
        let used = buffers.take(MemoryPieces.pieceSize)
        var buffer: PieceBuffer? = buffers.take(MemoryPieces.pieceSize)
        weak let unused = buffer
        buffers.giveBack(&buffer)
        #expect(unused != nil && !buffers.isEmpty)
        buffers.empty()
        #expect(unused == nil && buffers.isEmpty)
        [UInt8](repeating: 7, count: 3).withUnsafeBytes { used.write($0, at: 0) }
        #expect(Array(used.bytes(0..<3)) == [7, 7, 7])
    }

    @Test func `what is held is compared, what is not is not`() {
        let pieces = pieces([(10, [1, 2]), (14, [5])])
        #expect([UInt8]([9, 1, 2, 9, 9, 5, 9]).withUnsafeBytes { pieces.agrees(with: $0, at: 9) })
        #expect(![UInt8]([9, 1, 3]).withUnsafeBytes { pieces.agrees(with: $0, at: 9) })
        #expect([UInt8]([7, 7]).withUnsafeBytes { pieces.agrees(with: $0, at: 12) })
    }
}
