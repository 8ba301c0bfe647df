// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Buffers that replies are sent from: anonymous memory, resident before its first use, and used again.
///
/// A process killed while the kernel copies a reply from memory that is not resident, or from a file mapping, turns
/// that reply into EIO for the reader; from these it does not (measured).
final class ReplyBuffers: Sendable {
    /// A buffer of the pool. One thread has it at a time, the one that took it.
    private struct Free: @unchecked Sendable {
        // The pool hands each address to one taker only, so nobody shares it.
        var addresses: [UnsafeMutableRawPointer] = []
    }

    /// In bytes, of each buffer.
    let size: Int
    private let free = Mutex(Free())

    init(size: Int) { self.size = size }

    deinit {
        free.withLock { free in
            for address in free.addresses { munmap(address, size) }
        }
    }

    /// Lends a buffer for the length of the call, which must not suspend or wait.
    ///
    /// There are as many buffers as there were calls at once, so about one per thread. The one given back last is taken
    /// first, because the processor's caches still hold it.
    func withBuffer<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        let address = free.withLock { $0.addresses.popLast().map(Address.init) }?.pointer ?? allocate()
        defer {
            let address = Address(pointer: address)
            free.withLock { $0.addresses.append(address.pointer) }
        }
        return body(UnsafeMutableRawBufferPointer(start: address, count: size))
    }

    private struct Address: @unchecked Sendable {
        // As in Free: it belongs to the one call that took it.
        let pointer: UnsafeMutableRawPointer
    }

    private func allocate() -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_POPULATE)
        guard let address = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
            fatalError("no memory for a reply of \(size) bytes")
        }
        return address
    }
}
