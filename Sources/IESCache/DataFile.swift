// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// What tells whether a data file was touched.
struct FileStatus: Hashable, Sendable {
    var size: Int64
    var inode: UInt64
    var modified: Timestamp
    var changed: Timestamp
    /// Disk space in bytes; not compared.
    var allocated: Int64

    static func == (left: Self, right: Self) -> Bool {
        left.size == right.size && left.inode == right.inode && left.modified == right.modified
            && left.changed == right.changed
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(inode)
        hasher.combine(changed)
    }
}

/// One open data file: every system call on cached data is here.
struct DataFile: ~Copyable, Sendable {
    let path: FilePath
    private let descriptor: Int32
    private let isWritable: Atomic<Bool>
    /// On a file system that is memory, no read waits, and RWF_NOWAIT is refused.
    private let nowFlags: Int32

    /// Opens the file, creating it where absent with mode 0600. `isNew` refuses one that exists.
    init(_ path: FilePath, isNew: Bool = false) throws(CacheError) {
        descriptor = try Self.open(path, isNew: isNew)
        self.path = path
        isWritable = Atomic(true)
        // tmpfs and ramfs; <linux/magic.h>
        var system = statfs()
        let isMemory = fstatfs(descriptor, &system) == 0 && [0x0102_1994, 0x8584_58F6].contains(Int(system.f_type))
        nowFlags = isMemory ? 0 : ies_RWF_NOWAIT
    }

    /// Opens the file for reading, or, where even that fails, nothing: what is written makes another try.
    init(asFarAsPossible path: FilePath) throws(CacheError) {
        var descriptor = path.withPlatformString { Glibc.open($0, O_RDONLY | Self.commonFlags) }
        if descriptor < 0 { descriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw .failed(to: "open", path, Errno(rawValue: errno)) }
        self.descriptor = descriptor
        self.path = path
        isWritable = Atomic(false)
        nowFlags = ies_RWF_NOWAIT
    }

    /// Without NOATIME even a read that must not wait waits for a stalled disk, to note its time.
    private static let commonFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | ies_O_NOATIME

    private static func open(_ path: FilePath, isNew: Bool) throws(CacheError) -> Int32 {
        let flags = O_RDWR | O_CREAT | commonFlags | (isNew ? O_EXCL : 0)
        var descriptor = path.withPlatformString { Glibc.open($0, flags, 0o600) }
        if descriptor < 0, errno == ENOENT {
            _ = path.removingLastComponent().withPlatformString { mkdir($0, 0o700) }
            descriptor = path.withPlatformString { Glibc.open($0, flags, 0o600) }
        }
        guard descriptor >= 0 else { throw .failed(to: "open", path, Errno(rawValue: errno)) }
        return descriptor
    }

    /// Puts a descriptor that can be written to in the place of one that cannot: others may be reading.
    private func makeWritable() throws(CacheError) {
        if isWritable.load(ordering: .acquiring) { return }
        let new = try Self.open(path, isNew: false)
        defer { close(new) }
        guard dup3(new, descriptor, O_CLOEXEC) >= 0 else { throw .failed(to: "open", path, Errno(rawValue: errno)) }
        isWritable.store(true, ordering: .releasing)
    }

    deinit { close(descriptor) }

    /// Writes all of `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(CacheError) {
        try makeWritable()
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .failed(to: "write to", path, count == 0 ? .ioError : Errno(rawValue: errno))
            }
        }
    }

    /// Reads until `buffer` is full or the file ends, and waits for the disk.
    /// - Returns: How many bytes were read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(CacheError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw .failed(to: "read", path, Errno(rawValue: errno))
            }
        }
        return done
    }

    /// Reads what is in memory.
    ///
    /// The kernel asks the disk for what is not, without waiting for it; but where the disk's queue is full because it
    /// stalls, asking waits.
    ///
    /// - Parameter carefully: Nothing is asked of the disk.
    /// - Returns: Whether that was all of `buffer`.
    func readNow(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, carefully: Bool = false) -> Bool {
        if carefully, !isInMemory(offset..<offset + Int64(buffer.count)) { return false }
        var done = 0
        while done < buffer.count {
            var vector = iovec(iov_base: buffer.baseAddress! + done, iov_len: buffer.count - done)
            let count = preadv2(descriptor, &vector, 1, off_t(offset) + off_t(done), nowFlags)
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    private func isInMemory(_ range: Range<Int64>) -> Bool {
        // A file system that is memory.
        if nowFlags == 0 || range.isEmpty { return true }
        let start = UInt64(range.lowerBound) / 4096 * 4096
        let pages = (UInt64(range.upperBound) - start + 4095) / 4096
        let unit = UInt64(getpagesize()) / 4096
        return ies_pages_in_memory(descriptor, start, pages * 4096) >= Int64(pages / unit)
    }

    func status() throws(CacheError) -> FileStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .failed(to: "stat", path, Errno(rawValue: errno)) }
        return FileStatus(
            size: Int64(status.st_size), inode: UInt64(status.st_ino),
            modified: Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int32(status.st_mtim.tv_nsec)),
            changed: Timestamp(seconds: Int64(status.st_ctim.tv_sec), nanoseconds: Int32(status.st_ctim.tv_nsec)),
            allocated: Int64(status.st_blocks) * 512)
    }

    /// Gives a file in which nothing was ever written its length, as far as the file system can.
    ///
    /// XFS takes writes past the end for the beginning of more, and reserves as much space again as the file has:
    /// twice the cache's limit was seen on the disk.
    func setLengthOfNew(_ size: Int64) {
        var status = stat()
        guard size > 0, fstat(descriptor, &status) == 0, status.st_size == 0 else { return }
        _ = ftruncate(descriptor, off_t(size))
    }

    /// A second descriptor, for reading only, closed after the call; nil where it cannot be opened.
    func withReadingDescriptor<Value>(_ body: (Int32) -> Value) -> Value? {
        let reading = Glibc.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard reading >= 0 else { return nil }
        defer { close(reading) }
        return body(reading)
    }

    /// Brings the data to the disk.
    func sync() throws(CacheError) {
        guard fdatasync(descriptor) == 0 else { throw .failed(to: "sync", path, Errno(rawValue: errno)) }
    }

    /// Has the next read of `range` come from the disk, as far as what is in memory was written.
    func forgetPages(_ range: Range<Int64>) {
        _ = posix_fadvise(
            descriptor, off_t(range.lowerBound), off_t(range.upperBound - range.lowerBound), POSIX_FADV_DONTNEED)
    }

    /// Gives the space of `range`, which is of whole blocks, back, where the file system can.
    func punch(_ range: Range<Int64>) {
        if range.isEmpty { return }
        // The last page as well: of a page that is not punched whole, nothing is given back.
        let end = (min(range.upperBound, .max - 4095) + 4095) / 4096 * 4096
        _ = fallocate(
            descriptor, ies_FALLOC_FL_PUNCH_HOLE | ies_FALLOC_FL_KEEP_SIZE, off_t(range.lowerBound),
            off_t(end - range.lowerBound))
    }
}
