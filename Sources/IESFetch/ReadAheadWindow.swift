// SPDX-License-Identifier: Apache-2.0

/// Tells sequential from random reading of one open file, and how far to read ahead.
///
/// The kernel's own read-ahead arrives in pieces and out of order; a piece near the expected place is
/// still sequential (mountpoint-s3#495 took it for seeking and read 400 times slower).
struct ReadAheadWindow: Sendable {
    static let initial: Int64 = 1 << 20
    /// How far from the expected place a read may begin: several of the kernel's read-ahead windows.
    static let tolerance: Int64 = 4 << 20

    private var maximum: Int64
    /// The end of the furthest read of this run.
    private(set) var position: Int64 = 0
    /// Bytes to have under way beyond `position`; 0 while reading at random.
    private(set) var window: Int64
    /// Bytes of this run since the window last grew.
    private var sinceGrowth: Int64 = 0

    /// Reading is taken to begin at the start of the file, and to go on.
    init(maximum: Int64) {
        self.maximum = maximum
        window = min(Self.initial, maximum)
    }

    /// From now on it is no wider than this.
    mutating func limit(to maximum: Int64) {
        self.maximum = maximum
        window = min(window, maximum)
    }

    /// A read of `range` was asked for.
    mutating func note(_ range: Range<Int64>) {
        let distance = range.lowerBound - position
        guard abs(distance) <= Self.tolerance else {
            // The first read elsewhere is random; the one after it, if it goes on from there, sequential again.
            position = range.upperBound
            window = 0
            sinceGrowth = 0
            return
        }
        if window == 0 {
            guard distance >= 0, distance < Self.initial else {
                position = range.upperBound
                return
            }
            window = min(Self.initial, maximum)
        }
        sinceGrowth += max(0, range.upperBound - position)
        position = max(position, range.upperBound)
        if sinceGrowth >= window, window < maximum {
            window = min(window * 2, maximum)
            sinceGrowth = 0
        }
    }

    /// What should be under way now, from `position` on: two windows, so that the next request is made before the
    /// last one ends.
    var target: Range<Int64> { position..<position + 2 * window }
}
