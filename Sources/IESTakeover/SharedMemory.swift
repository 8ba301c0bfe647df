// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// A file in memory, mapped; it is there as long as some process has its descriptor or mapping.
///
/// Pages that were never written take no memory, so it can be as large as it may ever have to be.
final class SharedMemory: @unchecked Sendable {
    // Words that others may look at meanwhile are loaded and stored atomically. Everything else is written before the
    // word that publishes it, by the one who has taken that place.
    let descriptor: Int32
    let base: UnsafeMutableRawPointer
    let size: Int

    /// Makes one of zeros, as large as the limit on the size of files (RLIMIT_FSIZE, which memory is subject to as well)
    /// lets it be; SIGXFSZ is to be ignored. The descriptor is close-on-exec.
    static func create(size: Int, atLeast least: Int) throws(Errno) -> SharedMemory {
        let descriptor = memfd_create("iesfs", ies_MFD_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        var size = size
        while ftruncate(descriptor, off_t(size)) != 0 {
            let error = Errno(rawValue: errno)
            guard error == .fileTooLarge, size / 2 >= least else {
                close(descriptor)
                throw error
            }
            size /= 2
        }
        return try SharedMemory(descriptor: descriptor, atLeast: least)
    }

    /// Maps what another process has made, and owns the descriptor from here on.
    init(descriptor: Int32, atLeast least: Int) throws(Errno) {
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Errno(rawValue: errno) }
        guard status.st_size >= off_t(least) else { throw .invalidArgument }
        size = Int(status.st_size)
        guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            throw Errno(rawValue: errno)
        }
        self.base = base
    }

    deinit {
        munmap(base, size)
        close(descriptor)
    }

    func word(_ offset: Int) -> UInt64 { ies_load(base + offset) }

    func setWord(_ offset: Int, _ value: UInt64) { ies_store(base + offset, value) }

    func signed(_ offset: Int) -> Int64 { Int64(bitPattern: word(offset)) }

    func setSigned(_ offset: Int, _ value: Int64) { setWord(offset, UInt64(bitPattern: value)) }

    func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
    }

    func setBytes(_ offset: Int, _ bytes: some Collection<UInt8>) {
        UnsafeMutableRawBufferPointer(start: base + offset, count: bytes.count).copyBytes(from: bytes)
    }

    /// A text that was set with the same `room`.
    func text(_ offset: Int, room: Int) -> String {
        String(decoding: bytes(offset + 8, min(Int(clamping: word(offset)), room - 8)), as: UTF8.self)
    }

    /// Keeps as much of a text as there is room for, its length included.
    func setText(_ offset: Int, room: Int, _ text: String) {
        let bytes = Array(text.utf8.prefix(room - 8))
        setBytes(offset + 8, bytes)
        setWord(offset, UInt64(bytes.count))
    }
}
