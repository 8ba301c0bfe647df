// SPDX-License-Identifier: Apache-2.0

/// Reads of one open file that lie next to each other: one sequential reader, forward or backward.
struct ReadRun: Sendable {
    /// How far from its place a read of a run that is known to be sequential may begin: several of the kernel's
    /// read-ahead windows, which arrive in pieces and in any order.
    static let tolerance: Int64 = 4 << 20
    /// The same where nothing is known yet.
    static let firstTolerance: Int64 = 1 << 20
    /// Four bytes are fetched ahead for each that was read in a row, so that a short run costs little.
    private static let growth: Int64 = 4
    /// A run of which less than a fourth is read is not sequential.
    private static let sparsity: Int64 = 4
    /// Everything between its first byte and its last.
    private(set) var extent: Range<Int64>
    /// Bytes to have under way beyond the run's end; 0 while it is not known to be sequential.
    private(set) var window: Int64 = 0
    private var bytes: Int64
    private var forward: Int64 = 0
    private var backward: Int64 = 0
    /// Where its end was when it was last said how far to read ahead, and how far that was.
    private var said: (end: Int64, window: Int64) = (0, 0)

    /// No read is near this one.
    static let none = ReadRun(.min / 4..<(.min / 4))

    /// A run begins with one read.
    init(_ range: Range<Int64>) {
        extent = range
        bytes = range.upperBound - range.lowerBound
    }

    var isBackward: Bool { backward > forward }

    /// Where reading goes on.
    var end: Int64 { isBackward ? extent.lowerBound : extent.upperBound }

    /// Whether `range` is exactly what a sequential reader wants next.
    func continues(with range: Range<Int64>) -> Bool {
        window > 0 && range.lowerBound == extent.upperBound && forward >= backward
    }

    /// How far `range` is from where the run goes on; `Int64.max`: too far to belong to it.
    func distance(to range: Range<Int64>) -> Int64 {
        let after = abs(range.lowerBound &- extent.upperBound)
        let before = abs(extent.lowerBound &- range.upperBound)
        if window == 0 {
            let distance = min(after, before)
            return distance <= Self.firstTolerance ? distance : .max
        }
        let distance = isBackward ? before : after
        return distance <= Self.tolerance ? distance : .max
    }

    /// Takes a read that belongs to the run.
    ///
    /// - Parameter maximum: Of the window.
    mutating func add(_ range: Range<Int64>, maximum: Int64) {
        forward += max(0, range.upperBound - extent.upperBound)
        backward += max(0, extent.lowerBound - range.lowerBound)
        extent = min(extent.lowerBound, range.lowerBound)..<max(extent.upperBound, range.upperBound)
        bytes += range.upperBound - range.lowerBound
        guard !isSparse else {
            window = 0
            return
        }
        // The same read once more says nothing.
        guard forward + backward > 0 else { return }
        window = min(maximum, max(window, Self.growth * min(bytes, extent.upperBound - extent.lowerBound)))
    }

    private var isSparse: Bool { bytes * Self.sparsity < extent.upperBound - extent.lowerBound }

    /// The run is taken to go on without having been seen to.
    mutating func trust(_ window: Int64) {
        if !isSparse { self.window = max(self.window, window) }
    }

    /// True, once, when reading has gone on far enough for more to be fetched: asking is dearer than noting.
    mutating func mustSay() -> Bool {
        guard window > 0, abs(end - said.end) >= window / 4 || window >= 2 * said.window else { return false }
        said = (end, window)
        return true
    }
}
