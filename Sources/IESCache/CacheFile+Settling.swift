// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// A file is settled when every block is held and has been verified in this run, and the data is on the disk: then it
/// changes no more, and the kernel may read it by itself.
extension CacheFile {
    /// Never waits for the disk. Right after a clean stop a file is settled when it is first asked for.
    package var isSettled: Bool {
        let (isSettled, isComplete) = state.withLock { ($0.isSettled, $0.map.isComplete) }
        if isSettled || !isComplete { return isSettled }
        // The kernel reads to the end of the data file, whatever size it was told.
        guard state.withLock({ $0.isMarkSynced && $0.mark?.status.size == size }), acceptByMark(0..<size) else {
            return false
        }
        return state.withLock { state in
            guard state.map.isBelieved, state.mark != nil else { return false }
            state.isSettled = true
            return true
        }
    }

    /// Has the file settled in the background, if every block is held, one file of the cache after the other.
    package func settle() {
        guard isComplete, state.withLock({ !$0.isSettled }) else { return }
        core.settling.add(self)
    }

    /// Takes the next step: the verification of one block, or the sync.
    ///
    /// - Returns: The block to go on with; nil when it is done, or cannot be.
    func settle(from block: Int) throws(CacheError) -> Int? {
        let dropped = drops.load(ordering: .sequentiallyConsistent)
        guard !isSettled, isComplete else { return nil }
        // What has arrived may still be on its way to the disk.
        if state.withLock({ !$0.map.isComplete }) { core.writes.drain() }
        if block < blockCount {
            try verify(block)
            return block + 1
        }
        try core.sync(self)
        guard try data.status().size == size else { return nil }
        state.withLock { state in
            // What was fetched again meanwhile may not be on the disk.
            let isSame = drops.load(ordering: .sequentiallyConsistent) == dropped
            state.isSettled = isSame && state.map.isBelieved
        }
        return nil
    }
}

/// Settles files in the background, on the cache's threads: a block at a time, so that whoever waits for the disk comes
/// in between.
final class Settling: Sendable {
    private struct State {
        var waiting: [CacheFile] = []
        var isRunning = false
    }

    private let threads: WorkerThreads
    private let logger: Logger
    private let state = Mutex(State())

    init(threads: WorkerThreads, logger: Logger) {
        self.threads = threads
        self.logger = logger
    }

    /// Adds a file, unless it waits already.
    func add(_ file: CacheFile) {
        let starts = state.withLock { state in
            if !state.waiting.contains(where: { $0 === file }) { state.waiting.append(file) }
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { submit(from: 0) }
    }

    private func submit(from block: Int) {
        // Not accepted after the cache was closed: what waits then stays as it is.
        _ = threads.submit { [self] in step(from: block) }
    }

    private func step(from block: Int) {
        guard let file = state.withLock({ $0.waiting.first }) else { return }
        do throws(CacheError) {
            if let next = try file.settle(from: block) { return submit(from: next) }
        } catch {
            logger.debug("a cached file could not be settled", metadata: ["error": "\(error)"])
        }
        let goesOn = state.withLock { state in
            state.waiting.removeFirst()
            state.isRunning = !state.waiting.isEmpty
            return state.isRunning
        }
        if goesOn { submit(from: 0) }
    }
}
