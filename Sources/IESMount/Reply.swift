// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import IESFileSystem
import SystemPackage

/// A request of the kernel.
///
/// It belongs to the libfuse thread that received it, or to the one task that was made for it, until `Bridge.send`
/// replies; nobody touches it after that. So it may be handed over.
struct Request: @unchecked Sendable {
    let pointer: fuse_req_t
    /// Meant only where it was made by the thread that received it.
    let number = RequestNumber(unique: ies_fuse_current_unique())

    init(_ pointer: fuse_req_t?) {
        // libfuse calls no operation without a request.
        self.pointer = pointer!
    }

    /// The thread that asks: for a program with threads not its process; 0 where its PID name space is not ours.
    var thread: Int32 { fuse_req_ctx(pointer).pointee.pid }
}

/// What a request is answered with. Pointers are valid until the reply was sent.
enum Reply {
    case done
    case failure(FileSystemError)
    case refusal(Errno)
    case entry(Entry)
    case attributes(Attributes, Duration)
    case link(String)
    case opened(OpenedFile)
    case openedDirectory(HandleID)
    case bytes(UnsafeRawBufferPointer)
    /// A directory's names, and the inodes whose look-up counts went up with them.
    case names(UnsafeRawBufferPointer, remembered: [InodeNumber])
    /// How long an attribute's value, or the list of names, is.
    case size(Int)
    case offset(Int64)
    case events(UInt32)
    case statistics(FileSystemStatistics)
}

extension Bridge {
    /// Replies: the one place, so that each request is answered once.
    ///
    /// No lock is held: the kernel may follow a reply with the next request at once. Where the reply cannot be
    /// delivered (its caller has gone), the kernel does not know what it would have been told, so that is taken back.
    func send(_ reply: Reply, to request: Request, _ operation: StaticString) {
        let pointer = request.pointer
        switch reply {
        case .done: fuse_reply_err(pointer, 0)
        case .failure(let error):
            report(error, operation)
            fuse_reply_err(pointer, error.errno.rawValue)
        case .refusal(let error): fuse_reply_err(pointer, error.rawValue)
        case .entry(let entry):
            var parameters = fuse_entry_param(entry)
            guard fuse_reply_entry(pointer, &parameters) != 0 else { return }
            fileSystem.forget(entry.attributes.inode, lookUps: 1)
        case .attributes(let attributes, let timeout):
            var status = stat(attributes)
            fuse_reply_attr(pointer, &status, timeout.inSeconds)
        case .link(let target): fuse_reply_readlink(pointer, target)
        case .opened(let file):
            var information = fuse_file_info()
            information.fh = file.handle.rawValue
            information.direct_io = file.directIO ? 1 : 0
            information.keep_cache = file.keepCache ? 1 : 0
            let result =
                if let backing = file.backing {
                    ies_fuse_reply_passed_through(pointer, &information, backing.rawValue)
                } else {
                    fuse_reply_open(pointer, &information)
                }
            guard result != 0 else { return }
            fileSystem.release(file.handle)
        case .openedDirectory(let handle):
            var information = fuse_file_info()
            information.fh = handle.rawValue
            guard fuse_reply_open(pointer, &information) != 0 else { return }
            fileSystem.releaseDirectory(handle)
        case .bytes(let bytes):
            fuse_reply_buf(pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        case .names(let bytes, let remembered):
            guard
                fuse_reply_buf(pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count) != 0
            else { return }
            for inode in remembered { fileSystem.forget(inode, lookUps: 1) }
        case .size(let count): fuse_reply_xattr(pointer, count)
        case .offset(let offset): fuse_reply_lseek(pointer, off_t(offset))
        case .events(let events): fuse_reply_poll(pointer, events)
        case .statistics(let statistics):
            var status = statvfs(statistics)
            fuse_reply_statfs(pointer, &status)
        }
    }
}

extension fuse_entry_param {
    init(_ entry: Entry) {
        self.init()
        ino = entry.attributes.inode.rawValue
        attr = stat(entry.attributes)
        attr_timeout = entry.attributesTimeout.inSeconds
        entry_timeout = entry.entryTimeout.inSeconds
    }
}

extension stat {
    init(_ attributes: Attributes) {
        self.init()
        let time = timespec(
            tv_sec: time_t(attributes.modified.seconds), tv_nsec: Int(attributes.modified.nanoseconds))
        st_ino = ino_t(attributes.inode.rawValue)
        st_mode = attributes.kind.mode | mode_t(attributes.permissions)
        st_nlink = nlink_t(attributes.links)
        st_uid = attributes.userID
        st_gid = attributes.groupID
        st_size = off_t(attributes.size)
        st_blocks = blkcnt_t(attributes.blocks)
        st_blksize = blksize_t(attributes.blockSize)
        st_atim = time
        st_mtim = time
        st_ctim = time
    }
}

extension statvfs {
    init(_ statistics: FileSystemStatistics) {
        self.init()
        f_bsize = UInt(statistics.blockSize)
        f_frsize = UInt(statistics.blockSize)
        f_blocks = fsblkcnt_t(statistics.totalBlocks)
        f_bfree = fsblkcnt_t(statistics.freeBlocks)
        f_bavail = fsblkcnt_t(statistics.freeBlocks)
        f_files = fsfilcnt_t(statistics.files)
        f_namemax = UInt(statistics.maximumNameLength)
    }
}

extension Attributes.Kind {
    var mode: mode_t {
        switch self {
        case .directory: S_IFDIR
        case .file: S_IFREG
        case .symbolicLink: S_IFLNK
        }
    }
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}
