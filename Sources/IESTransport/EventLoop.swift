// SPDX-License-Identifier: Apache-2.0

import CCurl
import IESService

/// Runs all exchanges on the one thread that calls `run`, which alone uses libcurl.
final class EventLoop {
    /// Easy handles kept for later exchanges; one holds some KiB, its buffers are libcurl's and freed.
    private static let keptSlots = 32

    private let multi: MultiHandle
    private let inbox: Inbox
    private let settings: CurlSettings
    private var exchanges: [OpaquePointer: Exchange] = [:]
    private var freeSlots: [EasySlot] = []

    init(multi: MultiHandle, inbox: Inbox, settings: CurlSettings) {
        self.multi = multi
        self.inbox = inbox
        self.settings = settings
    }

    /// Returns once the inbox is closed, with every exchange ended.
    func run() {
        while let messages = inbox.drain() {
            for message in messages { carryOut(message) }
            multi.perform()
            while let (handle, code) = multi.nextEnded() {
                guard let exchange = exchanges[handle] else { continue }
                if let order = exchange.isSpoilt(code) ? exchange.order : nil {
                    release(exchange)
                    begin(order, onNewConnection: true)
                } else {
                    end(exchange, exchange.outcome(of: code))
                }
            }
            let now = ContinuousClock.now
            var earliest: ContinuousClock.Instant?
            var hasProgress = false
            for exchange in exchanges.values {
                if exchange.noteProgress(at: now) { hasProgress = true }
                guard let end = exchange.deadlines.end else { continue }
                if end <= now {
                    self.end(exchange, .failure(.timedOut(exchange.deadlines.phase)))
                } else {
                    earliest = min(earliest ?? end, end)
                }
            }
            // Where bytes came, more will have come meanwhile: asking the socket is cheaper than asking poll first. And a
            // wake-up may have stood for messages and the closing: there is none to come after that.
            guard !hasProgress, inbox.isOpen else { continue }
            multi.wait(milliseconds: Self.milliseconds(until: earliest, from: now))
        }
        for exchange in exchanges.values { end(exchange, .failure(.cancelled)) }
    }

    private func carryOut(_ message: Inbox.Message) {
        switch message {
        case .begin(let order): begin(order)
        case .resume(let control):
            guard let exchange = find(control) else { return }
            do throws(CurlFailure) {
                try exchange.resume(at: .now)
            } catch {
                // The receiver, called again, ended it.
                end(exchange, exchange.outcome(of: error.code))
            }
        case .end(let control):
            guard let exchange = find(control) else { return }
            end(exchange, exchange.outcome(of: CURLE_ABORTED_BY_CALLBACK))
        }
    }

    private func begin(_ order: ExchangeOrder, onNewConnection: Bool = false) {
        // Ended before it began.
        guard order.control.ending == .none else {
            order.continuation.resume(returning: .failure(order.control.ending == .stopped ? .stopped : .cancelled))
            return
        }
        let slot = freeSlots.popLast() ?? EasySlot()
        do throws(TransportError) {
            let exchange = try Exchange(
                order, slot: slot, settings: settings, onNewConnection: onNewConnection)
            exchanges[slot.handle.pointer] = exchange
            multi.add(slot.handle)
        } catch {
            order.continuation.resume(returning: .failure(error))
        }
    }

    private func end(_ exchange: Exchange, _ result: Result<Void, TransportError>) {
        release(exchange)
        exchange.finish(result)
    }

    /// Takes the exchange out, so that libcurl knows it no more.
    private func release(_ exchange: Exchange) {
        multi.remove(exchange.slot.handle)
        exchanges[exchange.slot.handle.pointer] = nil
        // libcurl never clears the errno of a handle: one that has it is not used again.
        let isClean = exchange.slot.handle.get(CURLINFO_OS_ERRNO) == 0
        if isClean, freeSlots.count < Self.keptSlots {
            exchange.slot.handle.reset()
            freeSlots.append(exchange.slot)
        }
    }

    private func find(_ control: ExchangeControl) -> Exchange? {
        exchanges.values.first { $0.control === control }
    }

    private static func milliseconds(
        until deadline: ContinuousClock.Instant?, from now: ContinuousClock.Instant
    ) -> Int32 {
        // Nothing to wait for but a wake-up; some end is asked for.
        guard let deadline else { return .max }
        return Int32(clamping: Int64((deadline - now) / .milliseconds(1)) + 1)
    }
}
