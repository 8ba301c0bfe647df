// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import Synchronization
package import SystemPackage

/// Makes files known to the kernel that it is to read by itself. Neither call waits.
package struct BackingRegistry: Sendable {
    /// Takes a descriptor that is open during the call.
    package let register: @Sendable (Int32) -> Result<BackingID, Errno>
    package let unregister: @Sendable (BackingID) -> Void

    package init(
        register: @escaping @Sendable (Int32) -> Result<BackingID, Errno>,
        unregister: @escaping @Sendable (BackingID) -> Void
    ) {
        self.register = register
        self.unregister = unregister
    }
}

/// Whether the kernel reads finished results by itself (FUSE passthrough), which makes a warm read as fast as the disk.
package enum PassthroughStanding: Sendable {
    case on(BackingRegistry)
    /// A clause that says why.
    case off(String)
}

/// Decides which opens are passed through, and keeps what that needs.
///
/// Its lock may be held while a result's is taken and while a file is registered, which takes the kernel no time.
final class Passthrough: Sendable {
    private struct State {
        var standing = PassthroughStanding.off("the kernel has not been asked yet")
        var modes = OpenModes()
        /// The last refusal of a file that should have been passed through.
        var refusal: Errno?
        /// What is passed through since an earlier worker: its data file is protected by number, not pinned.
        var inherited: [InodeNumber: VersionID] = [:]

        var isOn: Bool { if case .on = standing { true } else { false } }
    }

    private let state = Mutex(State())

    func stand(_ standing: PassthroughStanding) { state.withLock { $0.standing = standing } }

    /// Counts an open of `result`, which is told by `inode`.
    ///
    /// - Returns: What to pass it through to; nil: the reads come here.
    func open(_ inode: InodeNumber, _ result: FetchedResult) -> BackingID? {
        let (backing, mustSettle) = state.withLock { state -> (BackingID?, Bool) in
            guard case .on(let registry) = state.standing else {
                return (state.modes.open(inode) { nil }, false)
            }
            var refused = state.refusal
            let backing = state.modes.open(inode) { Self.register(result, registry, &refused) }
            state.refusal = refused
            return (backing, backing == nil)
        }
        // A later open finds it settled.
        if mustSettle { result.settle() }
        return backing
    }

    /// Counts an open that an earlier worker made.
    ///
    /// - Parameter version: Whose data file the kernel reads, where there is a `backing`.
    func inherit(_ inode: InodeNumber, backing: BackingID?, version: VersionID) {
        state.withLock { state in
            state.modes.inherit(inode, backing: backing)
            if backing != nil { state.inherited[inode] = version }
        }
    }

    /// Takes an open back.
    ///
    /// - Parameter result: Nil only for an open that was inherited.
    /// - Returns: The version whose data file need not be protected any more.
    func release(_ inode: InodeNumber, _ result: FetchedResult?) -> VersionID? {
        let (mustSettle, unprotected) = state.withLock { state -> (Bool, VersionID?) in
            let wasPassedThrough = state.modes.backing(of: inode) != nil
            guard let unused = state.modes.release(inode) else { return (!wasPassedThrough && state.isOn, nil) }
            if case .on(let registry) = state.standing { registry.unregister(unused) }
            if let version = state.inherited.removeValue(forKey: inode) { return (false, version) }
            result?.unpin()
            return (false, nil)
        }
        if mustSettle { result?.settle() }
        return unprotected
    }

    /// What the open passes its reads to; nil: they come here.
    func backing(of inode: InodeNumber) -> BackingID? { state.withLock { $0.modes.backing(of: inode) } }

    func isPassedThrough(_ inode: InodeNumber) -> Bool { state.withLock { $0.modes.backing(of: inode) != nil } }

    /// What `/.iesfs/status` says.
    var status: String {
        state.withLock { state in
            switch state.standing {
            case .off(let reason): "off: \(reason)"
            case .on:
                "on, \(state.modes.passedThrough) open"
                    + (state.refusal.map { "; the kernel refused a file: \($0)" } ?? "")
            }
        }
    }

    private static func register(
        _ result: FetchedResult, _ registry: BackingRegistry, _ refusal: inout Errno?
    ) -> BackingID? {
        guard result.size > 0, result.isSettled, result.pin() else { return nil }
        switch result.withReadingDescriptor(registry.register) {
        case .success(let backing): return backing
        case .failure(let error): refusal = error
        case nil: break
        }
        result.unpin()
        return nil
    }
}
