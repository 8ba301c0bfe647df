// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Hands over an answer whose bytes are all here already, at the receiver's pace.
enum HeldDelivery {
    private static let pieceLimit = 16384

    /// Throws `.stopped` when the receiver wants no more, `.cancelled` when the task is cancelled in a pause.
    static func deliver(
        _ answer: ResultAnswer, _ bytes: [UInt8], to receiver: some ResultReceiver
    ) async throws(TransportError) {
        let transfer = HeldTransfer()
        transfer.arm()
        var flow = receiver.receive(answer, of: transfer)
        if case .pause = flow { try await transfer.waitForResume() }
        var index = 0
        while true {
            guard !flow.isStop, !transfer.isStopped else { throw .stopped }
            guard index < bytes.count else { return }
            let end = min(index + pieceLimit, bytes.count)
            transfer.arm()
            flow = receiver.receive(bytes.span.bytes.extracting(index..<end))
            switch flow {
            case .proceed: index = end
            case .pause: try await transfer.waitForResume()
            case .stop: break
            }
        }
    }
}

extension Flow {
    fileprivate var isStop: Bool {
        if case .stop = self { true } else { false }
    }
}

/// Steers a delivery that needs no network.
private final class HeldTransfer: Transfer {
    private struct State {
        /// Since `arm`, so that a resume that comes before the pause is not lost.
        var isResumed = false
        var isStopped = false
        var isCancelled = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let state = Mutex(State())

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Called before each call of the receiver.
    func arm() {
        state.withLock { $0.isResumed = false }
    }

    func resume() {
        wake { $0.isResumed = true }
    }

    func stop() {
        wake { $0.isStopped = true }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Returns when the transfer has been resumed since `arm`, or stopped.
    func waitForResume() async throws(TransportError) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard !state.isResumed, !state.isStopped, !state.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            wake { $0.isCancelled = true }
        }
        let isCancelled = state.withLock { $0.isCancelled && !$0.isStopped }
        if isCancelled { throw .cancelled }
    }
}
