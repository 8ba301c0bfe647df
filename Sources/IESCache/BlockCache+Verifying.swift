// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import SystemPackage

extension BlockCache {
    /// What reading a result's blocks came to.
    package struct Verification: Hashable, Sendable {
        package var blocks = 0
        package var bytes: Int64 = 0
        /// The blocks whose checksum did not hold; they were dropped.
        package var wrong: [Int] = []

        package init(blocks: Int = 0, bytes: Int64 = 0, wrong: [Int] = []) {
            self.blocks = blocks
            self.bytes = bytes
            self.wrong = wrong
        }
    }

    /// Reads every held block of one version from the disk and compares its checksum; those that are wrong are dropped.
    ///
    /// It does not count as a use. Ends early when the task is cancelled.
    ///
    /// - Parameter progress: Called with the bytes of each block.
    package func verify(
        _ result: CachedResult, progress: @Sendable (Int64) -> Void
    ) async throws(CacheError) -> Verification {
        let opened = Mutex<CacheFile?>(nil)
        try await core.threads.run { [self] () throws(CacheError) in
            let file = try file(for: result.record, lastUse: result.lastUse)
            opened.withLock { $0 = file }
        }
        var verification = Verification()
        guard let file = opened.withLock({ $0.take() }) else { return verification }
        for block in file.state.withLock({ $0.map.checksums.keys.sorted() }) where !Task.isCancelled {
            let isRight = Mutex<Bool?>(nil)
            try await core.threads.run { () throws(CacheError) in
                let answer = try file.verifyAgain(block)
                isRight.withLock { $0 = answer }
            }
            guard let isRight = isRight.withLock({ $0 }) else { continue }
            let range = file.state.withLock { $0.map.range(of: block) }
            verification.blocks += 1
            verification.bytes += range.upperBound - range.lowerBound
            if !isRight { verification.wrong.append(block) }
            progress(range.upperBound - range.lowerBound)
        }
        return verification
    }
}

extension CacheFile {
    /// Reads a held block from the disk, whether it was verified before or not, and drops it if it is wrong.
    ///
    /// - Returns: Whether it was right; nil if it is not held any more.
    fileprivate func verifyAgain(_ block: Int) throws(CacheError) -> Bool? {
        try verifications[block % verifications.count].lock.withLock { _ throws(CacheError) -> Bool? in
            let (held, range) = state.withLock { ($0.map.checksums[block], $0.map.range(of: block)) }
            guard let held else { return nil }
            let before = drops.load(ordering: .sequentiallyConsistent)
            data.forgetPages(range)
            var found: CRC32C?
            do throws(CacheError) {
                found = try checksum(of: range)
            } catch {
                // What cannot be read for good is wrong as well.
                guard case .disk(_, _, .ioError) = error else { throw error }
            }
            if found == held {
                state.withLock { state in
                    guard state.map.checksums[block] == held else { return }
                    state.map.verified(block)
                    if state.isWhole { hasAll.store(true, ordering: .releasing) }
                }
                core.ledger.verifiedBlocks.add(1, ordering: .relaxed)
                return true
            }
            // What was read may be the hole that an eviction left.
            guard drops.load(ordering: .sequentiallyConsistent) == before else { return nil }
            let earlier = core.ledger.damagedBlocks.add(1, ordering: .relaxed).oldValue
            core.logger.log(
                level: earlier == 0 ? .warning : .debug, "a cached block is damaged and was dropped",
                metadata: ["file": "\(data.path)", "block": "\(block)"])
            try drop(block)
            return false
        }
    }
}

extension CacheFile {
    /// Verifies what is held and in doubt, brings it to the disk and into the index, and says whether all of the result
    /// is there then. What was found wrong is `missing` afterwards.
    package func finish() async throws(CacheError) -> Bool {
        for block in 0..<blockCount where !Task.isCancelled && state.withLock({ $0.map.doubt(block) }) != nil {
            try await core.threads.run { [self] () throws(CacheError) in
                if !acceptByMark(0..<size) { try verify(block) }
            }
        }
        try await core.threads.run { [core] () throws(CacheError) in core.writes.drain() }
        guard state.withLock({ $0.isWhole }) else { return false }
        try await sync()
        try await core.threads.run { [core] () throws(CacheError) in try core.index.commit() }
        return state.withLock { $0.isWhole }
    }
}
