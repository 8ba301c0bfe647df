// SPDX-License-Identifier: Apache-2.0

import IESTakeover

/// What a holder does every now and then: looks whether its worker hangs, and tells systemd that all is well.
struct HolderChores {
    private let manager: ServiceManager
    private var hangs = HangWatch()
    /// The worker that was looked at.
    private var generation: UInt64 = 0
    private var nextLook: ContinuousClock.Instant
    private var nextSign: ContinuousClock.Instant?

    init(_ manager: ServiceManager, at now: ContinuousClock.Instant) {
        self.manager = manager
        nextLook = now + HangWatch.interval
        nextSign = manager.watchdogInterval.map { now + $0 }
    }

    var next: ContinuousClock.Instant { min(nextLook, nextSign ?? nextLook) }

    func isDue(at now: ContinuousClock.Instant) -> Bool { next <= now }

    /// - Returns: How the worker hangs, as a clause; nil: it does not.
    mutating func carryOut(
        at now: ContinuousClock.Instant, _ workers: WorkerSuccession, isServing: Bool
    ) -> String? {
        if let sign = nextSign, sign <= now {
            manager.isAlive()
            nextSign = manager.watchdogInterval.map { now + $0 }
        }
        guard nextLook <= now else { return nil }
        nextLook = now + HangWatch.interval
        if !isServing || workers.record.generation != generation {
            hangs = HangWatch()
            generation = workers.record.generation
            return nil
        }
        let hang = hangs.look(workers.record.marks, heartbeat: workers.record.heartbeat)
        if hang != nil { hangs = HangWatch() }
        return hang
    }
}
