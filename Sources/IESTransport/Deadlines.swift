// SPDX-License-Identifier: Apache-2.0

import IESService

/// When an exchange has waited too long, whatever libcurl is doing.
struct Deadlines {
    typealias Instant = ContinuousClock.Instant

    private(set) var phase = TransportError.Phase.connect
    /// The stall deadline rests while the receiver wants no bytes.
    private(set) var isPaused = false
    private let connectEnd: Instant
    private let stallTimeout: Duration
    private var lastByte: Instant

    init(connectTimeout: Duration, stallTimeout: Duration, start: Instant) {
        connectEnd = start + connectTimeout
        self.stallTimeout = stallTimeout
        lastByte = start
    }

    /// A connection is there, and the request goes out.
    mutating func connected() {
        if phase == .connect { phase = .response }
    }

    /// The head is complete.
    mutating func bodyBegins() { phase = .body }

    mutating func bytesCame(at now: Instant) { lastByte = now }

    mutating func pause() { isPaused = true }

    mutating func resume(at now: Instant) {
        isPaused = false
        lastByte = now
    }

    /// When the exchange has waited too long if nothing happens until then.
    var end: Instant? {
        switch phase {
        case .connect: min(connectEnd, lastByte + stallTimeout)
        case .response, .body: isPaused ? nil : lastByte + stallTimeout
        }
    }
}
