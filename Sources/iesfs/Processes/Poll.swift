// SPDX-License-Identifier: Apache-2.0

import Glibc

/// poll(2) for a thread that waits for several descriptors.
enum Poll {
    /// Waits until at least one of the descriptors can be read or has ended; nil after `timeout`.
    ///
    /// - Parameter timeout: Nil: without end.
    /// - Returns: Those descriptors.
    static func wait(for descriptors: [Int32], timeout: Duration?) -> Set<Int32>? {
        let clock = ContinuousClock()
        let end = timeout.map { clock.now + $0 }
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let count = poll(&polled, nfds_t(polled.count), end.map { milliseconds($0 - clock.now) } ?? -1)
            if count > 0 { return Set(polled.filter { $0.revents != 0 }.map(\.fd)) }
            if count == 0 { return nil }
            precondition(errno == EINTR, "poll failed: \(CurrentError.text)")
        }
    }

    /// Whether the other side of a descriptor has gone.
    static func hasEnded(_ descriptor: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&polled, 1, 0) > 0 && polled.revents & Int16(POLLERR | POLLHUP) != 0
    }

    /// Rounded up, so that a wait does not end before its time.
    private static func milliseconds(_ duration: Duration) -> Int32 {
        guard duration > .zero else { return 0 }
        let (seconds, attoseconds) = duration.components
        return Int32(clamping: seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
