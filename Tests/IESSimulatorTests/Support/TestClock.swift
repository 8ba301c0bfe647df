// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A clock that stands at 2025-04-10T09:22:47.708Z until it is moved.
final class TestClock: Sendable {
    private let time = Mutex(Date(timeIntervalSince1970: 1_744_276_967.708))

    var now: Date { time.withLock { $0 } }

    func advance(_ seconds: Double) { time.withLock { $0 += seconds } }
}
