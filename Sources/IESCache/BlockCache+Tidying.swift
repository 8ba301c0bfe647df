// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Logging
import Synchronization
import SystemPackage

extension BlockCache {
    /// What is to be done some time after the start, and after the index was begun anew, on a thread of the cache's own; ends
    /// early when the cache is closed.
    func tidy() {
        removeOldSetAsides()
        do throws(CacheError) {
            if !isTidied.load(ordering: .acquiring) {
                core.ledger.release(-(try core.index.recount()))
                guard try removeUnknownFiles() else { return }
            }
            isTidied.store(true, ordering: .releasing)
        } catch {
            core.logger.warning("the cache could not be tidied", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps the last index that was set aside, for whoever looks into it, and no data: that takes room which nobody counts,
    /// and which nobody can make use of.
    private func removeOldSetAsides() {
        let parent = core.directory.asideParent
        guard let names = try? CacheDirectory.names(in: parent) else { return }
        let ordered = names.sorted { Double($0) ?? 0 < Double($1) ?? 0 }
        for name in ordered {
            if core.isClosed { return }
            let place = parent.appending(name)
            CacheDirectory.remove(name == ordered.last ? place.appending("data") : place)
        }
    }

    /// Removes data files that the index does not know: after a crash, those of bodies of unknown length, and those
    /// whose record did not get to the disk. False: the cache was closed meanwhile.
    private func removeUnknownFiles() throws(CacheError) -> Bool {
        for fan in try CacheDirectory.names(in: core.directory.data) {
            let directory = core.directory.data.appending(fan)
            guard let names = try? CacheDirectory.names(in: directory) else { continue }
            for name in names {
                if core.isClosed { return false }
                guard let number = UInt64(name, radix: 16) else { continue }
                let id = VersionID(rawValue: Int64(bitPattern: number))
                // In this order: a body of unknown length gets its record before it stops being one.
                if files.withLock({ $0.live[id] != nil || $0.spools.contains(id) }) { continue }
                if try core.index.contains(id) { continue }
                _ = directory.appending(name).withPlatformString { unlink($0) }
            }
        }
        return true
    }
}
