// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Synchronization

/// What happens to the downloads of a result.
extension FetchedResult {
    /// Takes over the body behind the probe's answer, which brings `range`.
    func adopt(_ range: Range<Int64>, transfer: any Transfer) -> Download {
        let (download, effects) = fetching.withLock { fetching in
            let id = fetching.plan.adopt(range)
            let download = Download(id, range: range, of: self, transfer: transfer)
            fetching.downloads[id] = download
            return (download, carryOut([], &fetching))
        }
        perform(effects)
        return download
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
            // After If-Range a whole answer means another content (RFC 9110 section 13.1.5), unless it says that it is
            // the same: then the service knows no ranges.
            guard record.validator.strong == nil || range == 0..<size || answer.validator.etag == record.etag,
                length == nil || length == size, isSame(answer.validator)
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

    /// Bytes up to `position` have been stored, `count` of them since the last time.
    func arrived(_ download: Int, upTo position: Int64, count: Int) -> Flow {
        let now = ContinuousClock.now
        let (effects, flow) = fetching.withLock { fetching -> (Effects?, Flow) in
            fetching.hasArrived = true
            fetching.climb.received(Int64(count))
            fetching.lastBytes[download] = now
            guard fetching.plan.isDue(download, upTo: position) else {
                _ = fetching.plan.arrived(download, upTo: position)
                return (nil, .proceed)
            }
            for read in fetching.waiting.keys where fetching.plan.serves(download, read: read) {
                fetching.waiting[read]?.deadline = now + settings.timeout
            }
            let effects = carryOut(fetching.plan.arrived(download, upTo: position), &fetching)
            return (effects, effects.stops.contains { $0.id == download } ? .stop : .proceed)
        }
        if let effects { perform(effects) }
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
            fetching.lastBytes[download] = nil
            // One that was stopped here is out of the plan already.
            let left = fetching.plan.downloads[download]?.left
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

    /// Whether a download that is to bring bytes of the read has brought one after `time`, or was held back by the
    /// budget until then.
    private func isServed(_ read: Int, _ fetching: Fetching, since time: ContinuousClock.Instant) -> Bool {
        fetching.lastBytes.contains { $0.value > time && fetching.plan.serves($0.key, read: read) }
            || fetching.downloads.contains { id, download in
                guard let held = download.ticket.lastHeldBack(at: .now), held > time else { return false }
                return fetching.plan.serves(id, read: read)
            }
    }

    /// Fails the reads whose deadline has passed; returns whether any still wait.
    func expire(_ now: ContinuousClock.Instant) -> Bool {
        let (effects, isWaiting) = fetching.withLock { fetching -> (Effects, Bool) in
            var effects = Effects()
            let late = fetching.waiting.filter {
                $0.value.deadline <= now && !isServed($0.key, fetching, since: now - settings.timeout)
            }
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
            } else {
                effects = look(at: now, &fetching)
            }
            return (effects, !fetching.waiting.isEmpty)
        }
        perform(effects)
        return isWaiting
    }
}
