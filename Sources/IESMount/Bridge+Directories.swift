// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import IESFileSystem
import SystemPackage

/// Open directories.
extension Bridge {
    func openDirectory(_ request: Request, _ inode: InodeNumber) {
        answer(
            request, "opendir",
            now: { () throws(FileSystemError) in
                try fileSystem.openDirectoryNow(inode, request: request.number).map(Reply.openedDirectory)
            },
            later: { fileSystem throws(FileSystemError) in
                .openedDirectory(try await fileSystem.openDirectory(inode, request: request.number))
            })
    }

    /// - Parameter full: READDIRPLUS: with the attributes of what is known, which counts as looking it up.
    func readDirectory(_ request: Request, _ handle: HandleID, from offset: UInt64, room: Int, full: Bool) {
        let operation: StaticString = full ? "readdirplus" : "readdir"
        buffers.withBuffer { buffer in
            let room = min(room, buffer.count)
            var used = 0
            var remembered: [InodeNumber] = []
            do throws(FileSystemError) {
                try fileSystem.readDirectory(handle, from: offset) { entry in
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<room])
                    let size = full ? add(entry, to: rest, request) : addName(entry, to: rest, request)
                    guard size <= rest.count else { return false }
                    used += size
                    if full, let known = entry.entry {
                        // Before the reply: FORGET may follow it at once.
                        fileSystem.remember(entry)
                        remembered.append(known.attributes.inode)
                    }
                    return true
                }
            } catch {
                for inode in remembered { fileSystem.forget(inode, lookUps: 1) }
                return send(.failure(error), to: request, operation)
            }
            let names = UnsafeRawBufferPointer(rebasing: buffer[..<used])
            send(.names(names, remembered: remembered), to: request, operation)
        }
    }

    /// Writes an entry and returns its size; writes nothing if that is more than there is room for.
    private func addName(_ entry: DirectoryEntry, to room: UnsafeMutableRawBufferPointer, _ request: Request) -> Int {
        var status = stat()
        status.st_ino = ino_t(entry.inode.rawValue)
        status.st_mode = entry.kind.mode
        return fuse_add_direntry(
            request.pointer, room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, entry.name, &status,
            off_t(truncatingIfNeeded: entry.nextOffset))
    }

    /// As `addName`, with attributes. Node number 0 says that the entry was not looked up.
    private func add(_ entry: DirectoryEntry, to room: UnsafeMutableRawBufferPointer, _ request: Request) -> Int {
        var parameters = fuse_entry_param()
        if let known = entry.entry {
            parameters = fuse_entry_param(known)
        } else {
            parameters.attr.st_ino = ino_t(entry.inode.rawValue)
            parameters.attr.st_mode = entry.kind.mode
        }
        return fuse_add_direntry_plus(
            request.pointer, room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, entry.name,
            &parameters, off_t(truncatingIfNeeded: entry.nextOffset))
    }
}
