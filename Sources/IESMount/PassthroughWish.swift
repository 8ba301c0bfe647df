// SPDX-License-Identifier: Apache-2.0

import CFuse3
import IESFileSystem
import SystemPackage

/// Whether the kernel is asked to read finished results by itself.
package enum PassthroughWish: Hashable, Sendable {
    /// - Parameter onOverlay: The files it is to read lie on overlayfs, which is a file system over another.
    case wanted(onOverlay: Bool)
    /// A clause that says why not.
    case none(String)

    /// How many file systems may lie under each other below the mount; nil: passthrough is not asked for. With 1 a file on
    /// overlayfs could not be opened (measured), with 2 no overlay could be laid over the mount.
    var stackDepth: UInt32? {
        switch self {
        case .wanted(let onOverlay): onOverlay ? 2 : 1
        case .none: nil
        }
    }

    /// What came of it.
    ///
    /// - Parameter device: The descriptor of `/dev/fuse`, open as long as the session runs.
    func standing(after exchange: InitExchange, on device: Int32) -> PassthroughStanding {
        switch self {
        case .none(let reason): return .off(reason)
        case .wanted where !exchange.isPassthroughOffered:
            return .off("this kernel does not offer it (Linux 6.9 or newer, with CONFIG_FUSE_PASSTHROUGH)")
        case .wanted where !exchange.isPassthroughAgreed: return .off("it was not agreed on with the kernel")
        case .wanted:
            return .on(
                BackingRegistry(
                    register: { descriptor in
                        let number = ies_fuse_backing_open(device, descriptor)
                        return number > 0
                            ? .success(BackingID(rawValue: number)) : .failure(Errno(rawValue: -number))
                    },
                    unregister: { ies_fuse_backing_close(device, $0.rawValue) }))
        }
    }
}
