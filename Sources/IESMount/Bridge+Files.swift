// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESFileSystem
import SystemPackage

/// Open files.
extension Bridge {
    func open(_ request: Request, _ inode: InodeNumber, flags: Int32) {
        let writing = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0
        answer(
            request, "open",
            now: { () throws(FileSystemError) in
                try fileSystem.openNow(inode, writing: writing, request: request.number).map(Reply.opened)
            },
            later: { fileSystem throws(FileSystemError) in
                .opened(try await fileSystem.open(inode, writing: writing, request: request.number))
            })
    }

    func read(_ request: Request, _ handle: HandleID, at offset: Int64, count: Int) {
        if readNow(handle, at: offset, count: count, answer: { send($0, to: request, "read") }) { return }
        wait(request, "read", for: .read(of: handle.rawValue)) { [fileSystem] waiter in
            do throws(FileSystemError) {
                // What has come may be evicted again before it is read; so often in a row only if something is wrong.
                for _ in 0..<16 {
                    try await fileSystem.prepareRead(handle, at: offset, count: count)
                    if waiter.bridge.readNow(handle, at: offset, count: count, answer: waiter.answer) { return }
                }
                throw FileSystemError(.ioError, "The bytes were lost again each time they had come.")
            } catch {
                waiter.answer(.failure(error))
            }
        }
    }

    /// Reads what is at hand and answers from the buffer it was read into; false, and no answer, if bytes are missing.
    private func readNow(_ handle: HandleID, at offset: Int64, count: Int, answer: (Reply) -> Void) -> Bool {
        buffers.withBuffer { buffer in
            guard count <= buffer.count else {
                answer(.failure(FileSystemError(.invalidArgument, "The kernel asked for more than max_read allows.")))
                return true
            }
            do throws(FileSystemError) {
                var span = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).mutableBytes
                guard let count = try fileSystem.readNow(handle, at: offset, into: &span) else { return false }
                answer(.bytes(UnsafeRawBufferPointer(rebasing: buffer[..<count])))
            } catch {
                answer(.failure(error))
            }
            return true
        }
    }

    /// A descriptor was closed. With reads outstanding, their reader has left, which the file system is told again a moment
    /// later if they still wait: a read whose task had not begun by now was not yet outstanding for it, and would wait
    /// until its deadline. A read that came since is of somebody who shares the open file and has not left.
    func flush(_ request: Request, _ handle: HandleID) {
        fileSystem.flush(handle)
        let subject = WaitingRequest.Subject.read(of: handle.rawValue)
        let left = waiting.all(subject)
        if !left.isEmpty {
            Task { [fileSystem, waiting] in
                try? await Task.sleep(for: .milliseconds(100))
                let still = waiting.all(subject)
                if !still.isEmpty, still.isSubset(of: left) { fileSystem.flush(handle) }
            }
        }
        send(.done, to: request, "flush")
    }

    /// SEEK_DATA and SEEK_HOLE of lseek(2): every file is data to its end.
    func seek(_ request: Request, _ inode: InodeNumber, from offset: Int64, whence: Int32) {
        answer(request, "lseek") { () throws(FileSystemError) in
            let size = try fileSystem.attributes(of: inode).0.size
            switch whence {
            case ies_SEEK_DATA, ies_SEEK_HOLE:
                guard offset >= 0, offset < size else { return .refusal(.noSuchAddressOrDevice) }
                return .offset(whence == ies_SEEK_DATA ? offset : size)
            default: return .refusal(.invalidArgument)
            }
        }
    }

    /// Always ready, as poll(2) says of regular files.
    func poll(_ request: Request, asked: UInt32) {
        let ready = UInt32(POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM)
        send(.events(asked == 0 ? ready : asked & ready), to: request, "poll")
    }
}
