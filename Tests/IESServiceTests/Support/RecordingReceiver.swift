// SPDX-License-Identifier: Apache-2.0

import IESService
import Synchronization

/// Keeps what it is told; a test may say how it answers.
final class RecordingReceiver: ResultReceiver {
    struct Record {
        var answers: [ResultAnswer] = []
        var bytes: [UInt8] = []
        var largestPiece = 0
        var calls = 0
        var transfer: (any Transfer)?
    }

    private let record = Mutex(Record())
    private let flow: @Sendable (Int, any Transfer) -> Flow

    /// - Parameter flow: Gets the number of the call, the answer being 0. Bytes that are not proceeded with are not kept.
    init(_ flow: @escaping @Sendable (Int, any Transfer) -> Flow = { _, _ in .proceed }) {
        self.flow = flow
    }

    var answers: [ResultAnswer] { record.withLock { $0.answers } }
    var answer: ResultAnswer? { answers.first }
    var bytes: [UInt8] { record.withLock { $0.bytes } }
    var largestPiece: Int { record.withLock { $0.largestPiece } }

    func receive(_ answer: ResultAnswer, of transfer: any Transfer) -> Flow {
        let call = record.withLock { record in
            record.answers.append(answer)
            record.transfer = transfer
            record.calls += 1
            return record.calls - 1
        }
        return flow(call, transfer)
    }

    func receive(_ bytes: RawSpan) -> Flow {
        let piece = bytes.withUnsafeBytes { Array($0) }
        let (call, transfer) = record.withLock { record in
            record.calls += 1
            record.largestPiece = max(record.largestPiece, piece.count)
            return (record.calls - 1, record.transfer)
        }
        guard let transfer else { return .stop }
        let flow = flow(call, transfer)
        if case .proceed = flow { record.withLock { $0.bytes += piece } }
        return flow
    }
}
