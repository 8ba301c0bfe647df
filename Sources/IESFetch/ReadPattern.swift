// SPDX-License-Identifier: Apache-2.0

/// Tells sequential from other reading of one open file, and how far to read ahead.
///
/// Several readers may share the file: each has a run of its own. The kernel's own read-ahead arrives in pieces and
/// out of order; a piece near the expected place is still sequential (mountpoint-s3#495 took it for seeking and
/// read 400 times slower). Noting a read allocates nothing.
struct ReadPattern: Sendable {
    /// What is worth fetching now beyond what was read.
    struct Wish: Hashable, Sendable {
        enum Course: Hashable, Sendable {
            case forward
            case backward
            /// Reads of `length` bytes, each so far after the one before.
            case stride(Int64, length: Int64)
        }

        /// Which reader's it is: it replaces that reader's last one.
        let run: Int
        let course: Course
        /// Where reading goes on.
        let position: Int64
        /// How far, for one connection.
        var window: Int64

        /// The same with a window no wider than this.
        func narrowed(to limit: Int64) -> Wish {
            var wish = self
            wish.window = min(window, limit)
            return wish
        }
    }

    /// The window of a reader that begins at the start of the file, once it reads more than the first request brought.
    static let initial: Int64 = 1 << 20
    static let runs = 16
    /// What strides are told as.
    static let strideRun = runs

    private let maximum: Int64
    /// Bytes that came with the first request.
    private let head: Int64
    private var table: InlineArray<16, ReadRun> = .init(repeating: .none)
    private var used: InlineArray<16, UInt32> = .init(repeating: 0)
    private var clock: UInt32 = 0
    /// The run that was read from last.
    private var current = 0
    /// A read that has to wait is noted again when it is answered.
    private var latest: Range<Int64> = 0..<0
    private var strides = StrideWatch()

    /// - Parameters:
    ///   - head: Reading is taken to go on once it has passed this.
    ///   - maximum: Of a window; 0: nothing is read ahead.
    init(head: Int64, maximum: Int64) {
        self.head = head
        self.maximum = maximum
    }

    /// A read of `range` was asked for.
    ///
    /// - Returns: What to fetch ahead, now and then; nil: nothing that was not said before.
    mutating func note(_ range: Range<Int64>) -> Wish? {
        guard maximum > 0, range != latest, !range.isEmpty else { return nil }
        latest = range
        clock &+= 1
        let index = take(range)
        current = index
        used[index] = clock
        if table[index].extent.lowerBound == 0 {
            // Who reads a file from its start is taken to go on, but not before more is wanted than came with the first
            // request.
            guard range.upperBound > head else { return nil }
            table[index].trust(min(Self.initial, maximum))
        }
        guard table[index].window > 0 else { return strides.note(range, maximum) }
        guard table[index].mustSay() else { return nil }
        return Wish(
            run: index, course: table[index].isBackward ? .backward : .forward, position: table[index].end,
            window: table[index].window)
    }

    /// Bytes to fetch with a read of `range` that has to wait: `range` and what the reader will want next.
    func hull(of range: Range<Int64>) -> Range<Int64> {
        for index in 0..<Self.runs {
            let run = table[index]
            guard run.window > 0, run.extent.overlaps(range), run.distance(to: range) < .max else { continue }
            return run.isBackward
                ? max(0, range.lowerBound - min(run.window, FetchPlan.joinDistance))..<range.upperBound
                : range.lowerBound..<max(range.upperBound, range.lowerBound + run.window)
        }
        return range
    }

    /// Adds a read to the run it belongs to, or begins one.
    private mutating func take(_ range: Range<Int64>) -> Int {
        if table[current].continues(with: range) {
            table[current].add(range, maximum: maximum)
            return current
        }
        var (best, least) = (-1, Int64.max)
        for index in 0..<Self.runs {
            let distance = table[index].distance(to: range)
            if distance < least { (best, least) = (index, distance) }
        }
        guard best < 0 else {
            table[best].add(range, maximum: maximum)
            return best
        }
        let index = oldest()
        table[index] = ReadRun(range)
        return index
    }

    /// The run to forget: the one not read from for longest. Sequential ones are kept a while against random reads.
    private mutating func oldest() -> Int {
        var oldest = 0
        var greatest: UInt32 = 0
        for index in 0..<Self.runs {
            var age = clock &- used[index]
            if table[index].window > 0, age < Self.patience { age = 1 }
            if age > greatest { (oldest, greatest) = (index, age) }
        }
        return oldest
    }

    private static let patience: UInt32 = 256
}

/// Notices reads at equal distances.
private struct StrideWatch: Sendable {
    /// The most reads that are fetched ahead.
    private static let most: Int64 = 8

    private var start: Int64 = -1
    private var distance: Int64 = 0
    private var count: Int64 = 0

    mutating func note(_ range: Range<Int64>, _ maximum: Int64) -> ReadPattern.Wish? {
        let distance = range.lowerBound - start
        defer { start = range.lowerBound }
        guard start >= 0, distance == self.distance else {
            (self.distance, count) = (distance, 0)
            return nil
        }
        count = min(count + 1, Self.most)
        // Three equal distances, that is four reads, are no accident.
        guard count >= 2 else { return nil }
        let length = range.upperBound - range.lowerBound
        return ReadPattern.Wish(
            run: ReadPattern.strideRun, course: .stride(distance, length: length), position: range.lowerBound,
            window: min(maximum, count * length))
    }
}
