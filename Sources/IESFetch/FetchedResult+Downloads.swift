// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// What happens to the downloads of a result.
extension FetchedResult {
    /// Takes over the body behind the probe's answer, which brings `range`.
    func adopt(_ range: Range<Int64>, transfer: any Transfer) -> Download {
        fetching.withLock { fetching in
            let id = fetching.plan.adopt(range)
            let download = Download(id, range: range, of: self, transfer: transfer)
            fetching.downloads[id] = download
            return download
        }
    }

    /// Whether `answer` is of this version and of `range`; success is where its body begins.
    func judge(_ answer: ResultAnswer, to range: Range<Int64>, download: Int) -> Result<Int64, FetchError> {
        switch answer.kind {
        case .part(let part, let total):
            guard total == size, isSame(answer.validator) else { return .failure(.changed) }
            guard part == range else {
                return .failure(.contradiction("bytes \(part) came for a request of bytes \(range)"))
            }
            return .success(part.lowerBound)
        case .whole(let length):
            // After If-Range a whole answer means another content (RFC 9110 section 13.1.5).
            guard record.validator.strong == nil || range == 0..<size, length == nil || length == size,
                isSame(answer.validator)
            else { return .failure(.changed) }
            guard length != nil else { return .failure(.contradiction("the body has no length any more")) }
            source.rangesAreIgnored()
            let effects = fetching.withLock { fetching in carryOut(fetching.plan.becomeStream(download), &fetching) }
            perform(effects)
            return .success(0)
        case .unsatisfiable, .notModified: return .failure(.changed)
        }
    }

    func isSame(_ validator: Validator) -> Bool {
        if let old = record.etag, let new = validator.etag { return old == new }
        if let old = record.lastModified, let new = validator.lastModified { return old == new }
        return true
    }

    func arrived(_ download: Int, upTo position: Int64) -> Flow {
        let now = ContinuousClock.now
        let (effects, flow) = fetching.withLock { fetching -> (Effects, Flow) in
            for read in fetching.plan.reads(servedBy: download) {
                fetching.waiting[read]?.deadline = now + settings.timeout
            }
            let effects = carryOut(fetching.plan.arrived(download, upTo: position), &fetching)
            if effects.stops.contains(where: { $0.id == download }) { return (effects, .stop) }
            return (effects, .proceed)
        }
        perform(effects)
        return flow
    }

    /// Whether the body of a whole answer waits, because nobody reads yet; it is ended if nobody does soon.
    func holds(_ download: Int, at position: Int64) -> Bool {
        guard position >= settings.holdBytes else { return false }
        let (holds, isNew) = fetching.withLock { fetching -> (Bool, Bool) in
            guard fetching.plan.isStream, fetching.isUnread || isTooFarAhead(position, fetching),
                fetching.plan.downloads[download] != nil
            else { return (false, false) }
            defer { fetching.held = download }
            return (true, fetching.held == nil)
        }
        if isNew { endHold(of: download) }
        return holds
    }

    private func endHold(of download: Int) {
        Task { [settings] in
            try? await Task.sleep(for: settings.hold)
            let isHeld = fetching.withLock { $0.held == download && $0.isUnread }
            if isHeld { dropIfUnread() }
        }
    }

    func ended(_ download: Int, _ error: FetchError?) {
        if error == .changed {
            changed()
            return
        }
        let effects = fetching.withLock { fetching -> Effects in
            fetching.downloads[download] = nil
            // One that was stopped here is out of the plan already.
            let left = fetching.plan.downloads[download].map { $0.next..<max($0.next, $0.end) }
            let actions = fetching.plan.ended(download, error)
            if let left, actions.contains(where: { if case .fail = $0 { true } else { false } }), let error {
                fetching.remember(error, in: left, until: ContinuousClock.now + settings.rangeFailureTTL)
            }
            return carryOut(actions, &fetching)
        }
        perform(effects)
    }

    func changed() {
        let (effects, isNew) = fetching.withLock { fetching -> (Effects, Bool) in
            defer { fetching.isChanged = true }
            return (carryOut(fetching.plan.abandon(.changed), &fetching), !fetching.isChanged)
        }
        perform(effects)
        if isNew { onChange(self) }
    }

    /// Whether a read waits.
    var isAwaited: Bool { fetching.withLock { !$0.waiting.isEmpty } }

    /// Ends everything: reads fail with `.cancelled`.
    func shutdown() {
        perform(fetching.withLock { fetching in carryOut(fetching.plan.abandon(.cancelled), &fetching) })
    }

    /// Fails the reads whose deadline has passed; returns whether any still wait.
    func expire(_ now: ContinuousClock.Instant) -> Bool {
        let (effects, isWaiting) = fetching.withLock { fetching -> (Effects, Bool) in
            var effects = Effects()
            let late = fetching.waiting.filter { $0.value.deadline <= now }
            for (read, waiting) in late {
                let error = FetchError.deadline(received: nil)
                fetching.waiting[read] = nil
                fetching.plan.cancel(read: read)
                fetching.lastFailure = error
                effects.answers.append((waiting.continuation, .failure(error)))
            }
            if !late.isEmpty {
                fetching.remember(.deadline(received: nil), in: 0..<size, until: now + settings.rangeFailureTTL)
                effects.merge(carryOut(fetching.plan.dropUnneeded(), &fetching))
            }
            return (effects, !fetching.waiting.isEmpty)
        }
        perform(effects)
        return isWaiting
    }
}
