// SPDX-License-Identifier: Apache-2.0

import Synchronization

extension BlockCache {
    /// Keeps the data files of these versions as they are, as if each was pinned, until `unprotect`: the kernel has read
    /// them by itself since before this run. To be called before any of them is used.
    package func protect(_ versions: Set<VersionID>) { files.withLock { $0.protected.formUnion(versions) } }

    /// Takes one version's `protect` back.
    package func unprotect(_ version: VersionID) {
        let file = files.withLock { files in
            files.protected.remove(version) == nil ? nil : files.live[version]
        }
        file?.unpin()
    }
}

/// Pins are counted, and kept in memory only.
extension CacheFile {
    /// Keeps the data file as it is until `unpin`, for the kernel that reads it by itself: nothing of it is dropped, punched
    /// or evicted in place (unlinking it is harmless). False, and not pinned, unless the file is settled.
    package func pin() -> Bool {
        state.withLock { state in
            guard state.isSettled else { return false }
            state.pins += 1
            return true
        }
    }

    /// Takes one `pin` back.
    package func unpin() { state.withLock { $0.pins -= 1 } }

    /// To be asked with `state` locked by whoever is about to take bytes away.
    static func isPinned(_ state: State) -> Bool { state.pins > 0 }

    /// Calls `body` with a descriptor of the data file for reading, which is open during the call only; nil where there
    /// cannot be one.
    package func withReadingDescriptor<Value>(_ body: (Int32) -> Value) -> Value? { data.withReadingDescriptor(body) }
}
