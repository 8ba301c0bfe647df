// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import IESTakeover
import Synchronization

/// What this worker took over from the one before.
final class Inheritance: Sendable {
    struct State {
        /// What the inherited handles stand for.
        var handles: [HandleID: TakeoverRecord.Handle] = [:]
        /// By the number of the request that opened each.
        var requests: [UInt64: HandleID] = [:]
        /// Closed while there was no worker.
        var released: [HandleID] = []
    }

    let state = Mutex(State())
}

/// Handles are kept for the next worker before the kernel is told of them. What an earlier one left is made into objects
/// when it is first asked for.
extension ResultFileSystem {
    /// Takes over what the record holds. Called once, before the first request.
    func inherit() {
        var versions: Set<VersionID> = []
        let generation = UInt32(truncatingIfNeeded: kept?.generation ?? 0)
        handles.withLock { $0.firstUse = HandleTable<OpenObject>.firstUse(ofWorker: generation) }
        for slot in kept?.handleSlots() ?? [] {
            handles.withLock { $0.inherit(use: slot.use, isOpen: slot.handle != nil) }
            guard let handle = slot.handle else { continue }
            let id = HandleID(rawValue: handle.number)
            inherited.state.withLock { state in
                state.handles[id] = handle
                if handle.request != 0 { state.requests[handle.request] = id }
                if slot.isReleased { state.released.append(id) }
            }
            guard handle.kind == .file else { continue }
            let backing = handle.backing > 0 ? BackingID(rawValue: handle.backing) : nil
            let version = VersionID(rawValue: handle.version)
            passthrough.inherit(InodeNumber(rawValue: handle.inode), backing: backing, version: version)
            if backing != nil { versions.insert(version) }
        }
        cache.protect(versions)
    }

    /// Closes what was closed while there was no worker. Called once the kernel can be told of files it need not keep.
    func releaseLeftovers() {
        let released = inherited.state.withLock { state in
            defer { state.released = [] }
            return state.released
        }
        for handle in released { release(handle) }
    }

    /// Makes a handle, and keeps it for the next worker.
    func insert(
        _ object: OpenObject, _ kind: TakeoverRecord.HandleKind, _ inode: InodeNumber, _ request: RequestNumber,
        backing: BackingID? = nil, version: VersionID = VersionID(rawValue: 0)
    ) -> HandleID {
        handles.withLock { handles in
            let handle = handles.insert(object)
            kept?.keep(
                TakeoverRecord.Handle(
                    number: handle.rawValue, kind: kind, inode: inode.rawValue, request: request.value,
                    backing: backing?.rawValue ?? 0, version: version.rawValue))
            return handle
        }
    }

    /// Takes a handle away: what it stood for, or what an earlier worker kept of it.
    func remove(_ handle: HandleID) -> (object: OpenObject?, earlier: TakeoverRecord.Handle?) {
        let (object, isOpen) = handles.withLock { handles -> (OpenObject?, Bool) in
            guard handles[handle] != nil || handles.isInherited(handle) else { return (nil, false) }
            let object = handles.remove(handle)
            kept?.forget(
                handle: handle.rawValue,
                nextUse: HandleTable<OpenObject>.use(after: UInt32(handle.rawValue >> 32)))
            return (object, true)
        }
        let earlier = inherited.state.withLock { state -> TakeoverRecord.Handle? in
            guard let earlier = state.handles.removeValue(forKey: handle) else { return nil }
            if state.requests[earlier.request] == handle { state.requests[earlier.request] = nil }
            return earlier
        }
        return (object, isOpen && object == nil ? earlier : nil)
    }

    /// What an open handle stands for; nil if it is not open, or what it stood for is not to be had any more.
    func object(of handle: HandleID) -> OpenObject? {
        let (object, isInherited) = handles.withLock { ($0[handle], $0.isInherited(handle)) }
        guard isInherited else { return object }
        guard let earlier = inherited.state.withLock({ $0.handles[handle] }), let restored = restore(earlier) else {
            return nil
        }
        return handles.withLock { $0.restore(handle, restored) }
    }

    /// The answer to an OPEN that an earlier worker had prepared, and perhaps sent.
    func openedEarlier(_ inode: InodeNumber, by request: RequestNumber) -> OpenedFile? {
        guard let earlier = earlier(inode, request), earlier.kind != .directory else { return nil }
        let backing = earlier.backing > 0 ? BackingID(rawValue: earlier.backing) : nil
        return OpenedFile(
            handle: HandleID(rawValue: earlier.number), directIO: earlier.kind == .text,
            keepCache: earlier.kind == .file && backing == nil, backing: backing)
    }

    func openedDirectoryEarlier(_ inode: InodeNumber, by request: RequestNumber) -> HandleID? {
        guard let earlier = earlier(inode, request), earlier.kind == .directory else { return nil }
        return HandleID(rawValue: earlier.number)
    }

    private func earlier(_ inode: InodeNumber, _ request: RequestNumber) -> TakeoverRecord.Handle? {
        guard request.isRepeated else { return nil }
        return inherited.state.withLock { state in
            guard let handle = state.requests[request.value], let earlier = state.handles[handle],
                earlier.inode == inode.rawValue
            else { return nil }
            state.requests[request.value] = nil
            return earlier
        }
    }

    private func restore(_ earlier: TakeoverRecord.Handle) -> OpenObject? {
        let inode = InodeNumber(rawValue: earlier.inode)
        guard let node = try? record(of: inode).node else { return nil }
        switch (earlier.kind, node) {
        case (.directory, _): return (try? snapshot(of: node)).map(OpenObject.directory)
        case (.text, .status(let file)): return .text(text(of: file))
        case (.file, .result(let id, let version)):
            guard let content = fetcher.version(version, of: id) else { return nil }
            return .file(OpenResult(id: id, inode: inode, content: content))
        case (.text, _), (.file, _): return nil
        }
    }
}
