// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import IESFileSystem
import SystemPackage

extension fuse_lowlevel_ops {
    /// What libfuse calls: every operation it knows, so that none is answered with ENOSYS, which the kernel remembers
    /// for the whole mount (after one for getxattr there are no attributes any more).
    static let iesfs: fuse_lowlevel_ops = {
        var operations = fuse_lowlevel_ops()
        operations.addNames()
        operations.addFiles()
        operations.addDirectories()
        operations.addLocks()
        operations.refuseChanges()
        return operations
    }()

    private mutating func addNames() {
        `init` = { _, connection in Bridge.configure(&connection!.pointee) }
        lookup = { pointer, parent, name in
            let (bridge, request) = Bridge.take(pointer)
            bridge.lookUp(request, String(cString: name!), in: InodeNumber(rawValue: parent))
        }
        forget = { pointer, inode, count in
            let (bridge, request) = Bridge.take(pointer)
            bridge.fileSystem.forget(InodeNumber(rawValue: inode), lookUps: count)
            fuse_reply_none(request.pointer)
        }
        forget_multi = { pointer, count, forgets in
            let (bridge, request) = Bridge.take(pointer)
            for forget in UnsafeBufferPointer(start: forgets, count: count) {
                bridge.fileSystem.forget(InodeNumber(rawValue: forget.ino), lookUps: forget.nlookup)
            }
            fuse_reply_none(request.pointer)
        }
        getattr = { pointer, inode, _ in
            let (bridge, request) = Bridge.take(pointer)
            bridge.attributes(request, of: InodeNumber(rawValue: inode))
        }
        readlink = { pointer, inode in
            let (bridge, request) = Bridge.take(pointer)
            bridge.readLink(request, InodeNumber(rawValue: inode))
        }
        getxattr = { pointer, inode, name, room in
            let (bridge, request) = Bridge.take(pointer)
            bridge.extendedAttribute(request, String(cString: name!), of: InodeNumber(rawValue: inode), room: room)
        }
        listxattr = { pointer, inode, room in
            let (bridge, request) = Bridge.take(pointer)
            bridge.extendedAttributes(request, of: InodeNumber(rawValue: inode), room: room)
        }
        // The kernel checks permissions itself (default_permissions).
        access = { pointer, _, _ in fuse_reply_err(pointer, 0) }
        statfs = { pointer, _ in
            let (bridge, request) = Bridge.take(pointer)
            bridge.send(.statistics(bridge.fileSystem.statistics()), to: request, "statfs")
        }
    }

    private mutating func addFiles() {
        open = { pointer, inode, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.open(request, InodeNumber(rawValue: inode), flags: information!.pointee.flags)
        }
        read = { pointer, _, count, offset, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.read(request, HandleID(rawValue: information!.pointee.fh), at: Int64(offset), count: count)
        }
        flush = { pointer, _, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.flush(request, HandleID(rawValue: information!.pointee.fh))
        }
        release = { pointer, _, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.fileSystem.release(HandleID(rawValue: information!.pointee.fh))
            bridge.send(.done, to: request, "release")
        }
        lseek = { pointer, inode, offset, whence, _ in
            let (bridge, request) = Bridge.take(pointer)
            bridge.seek(request, InodeNumber(rawValue: inode), from: Int64(offset), whence: whence)
        }
        poll = { pointer, _, information, handle in
            let (bridge, request) = Bridge.take(pointer)
            if let handle { fuse_pollhandle_destroy(handle) }
            bridge.poll(request, asked: information!.pointee.poll_events)
        }
        // Nothing is ever unwritten.
        fsync = { pointer, _, _, _ in fuse_reply_err(pointer, 0) }
        ioctl = { pointer, _, _, _, _, _, _, _, _ in fuse_reply_err(pointer, ENOTTY) }
        bmap = { pointer, _, _, _ in fuse_reply_err(pointer, EINVAL) }
        retrieve_reply = { pointer, _, _, _, _ in fuse_reply_none(pointer) }
    }

    private mutating func addDirectories() {
        opendir = { pointer, inode, _ in
            let (bridge, request) = Bridge.take(pointer)
            bridge.openDirectory(request, InodeNumber(rawValue: inode))
        }
        readdir = { pointer, _, room, offset, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.readDirectory(
                request, HandleID(rawValue: information!.pointee.fh), from: UInt64(bitPattern: Int64(offset)),
                room: room, full: false)
        }
        readdirplus = { pointer, _, room, offset, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.readDirectory(
                request, HandleID(rawValue: information!.pointee.fh), from: UInt64(bitPattern: Int64(offset)),
                room: room, full: true)
        }
        releasedir = { pointer, _, information in
            let (bridge, request) = Bridge.take(pointer)
            bridge.fileSystem.releaseDirectory(HandleID(rawValue: information!.pointee.fh))
            bridge.send(.done, to: request, "releasedir")
        }
        fsyncdir = { pointer, _, _, _ in fuse_reply_err(pointer, 0) }
    }

    /// Locks are the kernel's own business, as on a local file system: `Bridge.configure` does not ask for them, so
    /// these are not called.
    private mutating func addLocks() {
        getlk = { pointer, _, _, _ in fuse_reply_err(pointer, ENOLCK) }
        setlk = { pointer, _, _, _, _ in fuse_reply_err(pointer, ENOLCK) }
        flock = { pointer, _, _, _ in fuse_reply_err(pointer, ENOLCK) }
    }

    /// A read-only mount passes none of these on, but one that was remounted writable would.
    private mutating func refuseChanges() {
        setattr = { pointer, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        mknod = { pointer, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        mkdir = { pointer, _, _, _ in fuse_reply_err(pointer, EROFS) }
        unlink = { pointer, _, _ in fuse_reply_err(pointer, EROFS) }
        rmdir = { pointer, _, _ in fuse_reply_err(pointer, EROFS) }
        symlink = { pointer, _, _, _ in fuse_reply_err(pointer, EROFS) }
        rename = { pointer, _, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        link = { pointer, _, _, _ in fuse_reply_err(pointer, EROFS) }
        create = { pointer, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        write = { pointer, _, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        setxattr = { pointer, _, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        removexattr = { pointer, _, _ in fuse_reply_err(pointer, EROFS) }
        fallocate = { pointer, _, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
        // The destination is on this mount; from here to elsewhere the kernel copies by reading.
        copy_file_range = { pointer, _, _, _, _, _, _, _, _ in fuse_reply_err(pointer, EROFS) }
    }
}
