// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// What the parts of one cache share.
final class CacheCore: Sendable {
    let settings: CacheSettings
    let directory: CacheDirectory
    let index: Index
    let ledger: Ledger
    let threads: WorkerThreads
    let settling: Settling
    let logger: Logger
    private let hasClosed = Atomic(false)

    init(
        settings: CacheSettings, directory: CacheDirectory, index: Index, ledger: Ledger, threads: WorkerThreads,
        logger: Logger
    ) {
        self.settings = settings
        self.directory = directory
        self.index = index
        self.ledger = ledger
        self.threads = threads
        settling = Settling(threads: threads, logger: logger)
        self.logger = logger
    }

    /// Nothing may be written any more.
    var isClosed: Bool { hasClosed.load(ordering: .acquiring) }

    /// True the first time.
    func claimClose() -> Bool { !hasClosed.exchange(true, ordering: .acquiringAndReleasing) }
}
