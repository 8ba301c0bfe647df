// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Memory that is filled from front to back, once.
///
/// Whoever has locked the state of its file appends to it, and counts there what it appended; readers learn the count under
/// the same lock. So nobody reads what is being written, and nobody has to copy it to read on.
final class PieceBuffer: @unchecked Sendable {
    // Bytes that were counted are never changed, and others are not read.
    private let memory: UnsafeMutableRawBufferPointer

    /// Straight from the kernel, and back to it at once: `malloc` would keep for good what once was needed.
    init(capacity: Int) {
        let protection = PROT_READ | PROT_WRITE
        guard let address = mmap(nil, capacity, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), address != MAP_FAILED
        else { fatalError("no memory for \(capacity) bytes") }
        memory = UnsafeMutableRawBufferPointer(start: address, count: capacity)
    }

    deinit { munmap(memory.baseAddress, memory.count) }

    /// In bytes.
    var capacity: Int { memory.count }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + bytes.count]).copyMemory(from: bytes)
    }

    /// Fills a buffer that nobody else has yet.
    func fill<Value>(_ body: (UnsafeMutableRawBufferPointer) -> Value) -> Value { body(memory) }

    /// Valid as long as the buffer is.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[range]) }
}

/// Buffers to be used again: fresh memory costs more than what is done with it, because the kernel clears it first.
final class PieceBuffers: Sendable {
    /// 16 MiB: the pieces that are under way while a disk keeps up.
    private static let kept = 64

    private let free = Mutex<[PieceBuffer]>([])

    var isEmpty: Bool { free.withLock { $0.isEmpty } }

    /// Gives all memory back that nobody uses.
    func empty() {
        let unused = free.withLock { free in
            defer { free = [] }
            return free
        }
        // Only now, without the lock, do they go.
        withExtendedLifetime(unused) {}
    }

    /// A buffer of so many bytes.
    func take(_ capacity: Int) -> PieceBuffer {
        let used = capacity == MemoryPieces.pieceSize ? free.withLock { $0.popLast() } : nil
        return used ?? PieceBuffer(capacity: capacity)
    }

    /// Takes a buffer back, if nobody else has it; afterwards the caller has none.
    func giveBack(_ buffer: inout PieceBuffer?) {
        // By reference: a copy would be another user.
        let isUnused = isKnownUniquelyReferenced(&buffer)
        guard let buffer = buffer.take(), isUnused, buffer.capacity == MemoryPieces.pieceSize else { return }
        free.withLock { free in
            if free.count < Self.kept { free.append(buffer) }
        }
    }
}
