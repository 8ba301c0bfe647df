// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import IESTakeover
import Synchronization
import SystemPackage

extension ResultFileSystem {
    /// Opens a file.
    ///
    /// - Parameters:
    ///   - writing: The flags ask for more than reading (O_WRONLY, O_RDWR, O_TRUNC, O_APPEND): EROFS.
    ///   - request: One that is sent again gets the handle that an earlier worker made for it, if there is one.
    package func openNow(
        _ inode: InodeNumber, writing: Bool, request: RequestNumber = .none
    ) throws(FileSystemError) -> OpenedFile? {
        if writing { throw FileSystemError(.readOnly, "The file system is read-only.") }
        if let file = openedEarlier(inode, by: request) { return file }
        let node = try record(of: inode).node
        switch node {
        case .status(let file):
            let handle = insert(.text(text(of: file)), .text, inode, request)
            return OpenedFile(handle: handle, directIO: true, keepCache: false)
        case .result(let id, _), .refused(let id, _):
            switch fetcher.known(id) {
            case .result(let result)?:
                return fetcher.mustRevalidate(result) ? nil : try open(result, as: node, inode, request)
            case .failed(let error)?: throw FileSystemError(note(error, of: id, isRemembered: true))
            case nil: return nil
            }
        case .root, .project, .links, .statusDirectory:
            throw FileSystemError(.isDirectory, "A directory cannot be opened as a file.")
        case .link:
            throw FileSystemError(.tooManySymbolicLinkLevels, "A symbolic link cannot be opened.")
        }
    }

    /// As `openNow`, asking the service where needed; ends by the deadline.
    package func open(
        _ inode: InodeNumber, writing: Bool, request: RequestNumber = .none
    ) async throws(FileSystemError) -> OpenedFile {
        if let file = try openNow(inode, writing: writing, request: request) { return file }
        let node = try record(of: inode).node
        if let id = node.resultID { await fetcher.revalidate(id) }
        guard let id = node.resultID else { throw .noSuchName }
        let result: FetchedResult
        do throws(FetchError) {
            result = try await fetcher.resolve(id)
        } catch {
            throw FileSystemError(note(error, of: id, isRemembered: false))
        }
        succeeded(id)
        return try open(result, as: node, inode, request)
    }

    /// Opens what the result is now, unless the inode stands for something else: another version, or a refusal.
    ///
    /// On ESTALE the kernel looks the name up again, once, and opens what it finds then.
    private func open(
        _ result: FetchedResult, as node: Node, _ inode: InodeNumber, _ request: RequestNumber
    ) throws(FileSystemError) -> OpenedFile {
        guard node == .result(result.id, version: result.record.version) else {
            throw FileSystemError(.changed, "The name stands for another content by now; look it up again.")
        }
        let file = OpenResult(id: result.id, inode: inode, content: result)
        let backing = passthrough.open(inode, result)
        let handle = insert(.file(file), .file, inode, request, backing: backing, version: result.record.id)
        return OpenedFile(handle: handle, directIO: false, keepCache: backing == nil, backing: backing)
    }

    /// Fills `buffer` from `offset`, in full up to the end of the file, and returns the count; nil
    /// when bytes are missing: call `prepareRead`, then this again.
    package func readNow(
        _ handle: HandleID, at offset: Int64, into buffer: inout MutableRawSpan
    ) throws(FileSystemError) -> Int? {
        switch object(of: handle) {
        case .file(let file)?:
            guard let count = file.content.readNow(at: offset, into: &buffer) else { return nil }
            file.stream.noteRead(at: offset, count: count)
            if !file.hasSucceeded.load(ordering: .relaxed) {
                file.hasSucceeded.store(true, ordering: .relaxed)
                failures.book.withLock { $0.succeeded(file.id, wasAnswered: false) }
            }
            return count
        case .text(let text)?:
            guard offset >= 0, offset < text.count else { return 0 }
            let bytes = text[Int(offset)..<min(text.count, Int(offset) + buffer.byteCount)]
            for (position, byte) in bytes.enumerated() {
                buffer.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            }
            return bytes.count
        case .directory?, nil: throw .notOpen
        }
    }

    /// Waits until `readNow` can answer for these bytes.
    package func prepareRead(_ handle: HandleID, at offset: Int64, count: Int) async throws(FileSystemError) {
        guard case .file(let file)? = object(of: handle) else { throw .notOpen }
        let start = max(0, offset)
        let range = start..<max(start, min(file.content.size, start + Int64(count)))
        if range.isEmpty { return }
        do throws(FetchError) {
            try await file.content.prepare(range, for: file.stream)
        } catch {
            file.hasSucceeded.store(false, ordering: .relaxed)
            throw FileSystemError(note(error, of: file.id, isRemembered: false))
        }
    }

    /// A descriptor of this handle was closed: with reads outstanding, their reader has left.
    package func flush(_ handle: HandleID) {
        guard case .file(let file)? = handles.withLock({ $0[handle] }) else { return }
        file.stream.readerLeft()
    }

    /// The last descriptor of this handle was closed. Harmless for a handle that is not open.
    package func release(_ handle: HandleID) {
        let (object, earlier) = remove(handle)
        if case .file(let file)? = object {
            file.stream.close()
            release(file.inode, file.content)
        } else if let earlier, earlier.kind == .file {
            release(InodeNumber(rawValue: earlier.inode), nil)
        }
    }

    private func release(_ inode: InodeNumber, _ content: FetchedResult?) {
        if let version = passthrough.release(inode, content) { cache.unprotect(version) }
    }
}

extension FileSystemError {
    static var notOpen: FileSystemError { FileSystemError(.badFileDescriptor, "The file is not open.") }
}
