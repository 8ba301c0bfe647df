// SPDX-License-Identifier: Apache-2.0

import IESFileSystem
import SystemPackage

/// Look-ups, attributes and extended attributes.
extension Bridge {
    func lookUp(_ request: Request, _ name: String, in parent: InodeNumber) {
        answer(
            request, "lookup", for: .lookUp(in: parent.rawValue),
            now: { () throws(FileSystemError) in try fileSystem.lookUpNow(name, in: parent).map(Reply.entry) },
            later: { fileSystem throws(FileSystemError) in .entry(try await fileSystem.lookUp(name, in: parent)) })
    }

    func attributes(_ request: Request, of inode: InodeNumber) {
        answer(request, "getattr") { () throws(FileSystemError) in
            let (attributes, timeout) = try fileSystem.attributes(of: inode)
            return .attributes(attributes, timeout)
        }
    }

    func readLink(_ request: Request, _ inode: InodeNumber) {
        answer(request, "readlink") { () throws(FileSystemError) in .link(try fileSystem.readLink(inode)) }
    }

    func extendedAttribute(_ request: Request, _ name: String, of inode: InodeNumber, room: Int) {
        answerValue(request, "getxattr", room: room) { () throws(FileSystemError) in
            try fileSystem.extendedAttribute(name, of: inode)
        }
    }

    func extendedAttributes(_ request: Request, of inode: InodeNumber, room: Int) {
        answerValue(request, "listxattr", room: room) { () throws(FileSystemError) in
            try fileSystem.extendedAttributes(of: inode).flatMap { Array($0.utf8) + [0] }
        }
    }

    /// The rules of getxattr(2): no room asks for the size, too little is ERANGE.
    private func answerValue(
        _ request: Request, _ operation: StaticString, room: Int, _ body: () throws(FileSystemError) -> [UInt8]
    ) {
        let value: [UInt8]
        do throws(FileSystemError) {
            value = try body()
        } catch {
            return send(.failure(error), to: request, operation)
        }
        if room == 0 { return send(.size(value.count), to: request, operation) }
        guard value.count <= min(room, buffers.size) else {
            return send(.refusal(.outOfRange), to: request, operation)
        }
        buffers.withBuffer { buffer in
            buffer.copyBytes(from: value)
            send(.bytes(UnsafeRawBufferPointer(rebasing: buffer[..<value.count])), to: request, operation)
        }
    }
}
