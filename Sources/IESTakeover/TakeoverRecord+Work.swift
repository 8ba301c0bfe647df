// SPDX-License-Identifier: Apache-2.0

/// What the threads of a worker are at, for whoever has to judge it from outside.
extension TakeoverRecord {
    /// What one thread works on.
    package struct Mark: Hashable, Sendable {
        /// Of the request, without the mark of one that is sent again; 0: it waits for one.
        package let request: UInt64
        /// How many requests it has had.
        package let turn: UInt64

        package init(request: UInt64, turn: UInt64) {
            self.request = request
            self.turn = turn
        }
    }

    /// Where the threads' marks begin, for those that write them: `mostMarks` of them, `markSize` bytes apart, each the
    /// request's number and the thread's count of requests.
    package var marksAddress: UnsafeMutableRawPointer { memory.base + RecordLayout.marks }
    /// Where the numbers of requests that are not to be tried again begin: `mostPoisoned` of them, 0 for none.
    package var poisonedAddress: UnsafeRawPointer { UnsafeRawPointer(memory.base + RecordLayout.poisoned) }
    package static var mostMarks: Int { RecordLayout.mostMarks }
    package static var markSize: Int { RecordLayout.markSize }
    package static var mostPoisoned: Int { RecordLayout.mostPoisoned }

    package var marks: [Mark] {
        (0..<RecordLayout.mostMarks).map { index in
            let offset = RecordLayout.marks + index * RecordLayout.markSize
            return Mark(request: memory.word(offset), turn: memory.word(offset + 8))
        }
    }

    /// Goes up while the worker's threads and tasks get to run.
    package var heartbeat: UInt64 { memory.word(RecordLayout.heartbeat) }

    /// Called by the worker, from one thread or task at a time.
    package func beat() { memory.setWord(RecordLayout.heartbeat, heartbeat + 1) }

    /// Takes the marks of a worker that died away.
    ///
    /// - Parameter suspected: It may have died of a request it worked on. One that was worked on at two such deaths is
    ///   not to be tried again.
    /// - Returns: The requests that are given up now.
    @discardableResult
    package func takeMarks(suspected: Bool) -> [UInt64] {
        let working = Set(marks.map(\.request)).subtracting([0])
        for index in 0..<RecordLayout.mostMarks {
            memory.setWord(RecordLayout.marks + index * RecordLayout.markSize, 0)
        }
        guard suspected else { return [] }
        var counts = suspects
        // What was not worked on at this death is not what workers die of.
        counts = counts.filter { working.contains($0.key) }
        for request in working { counts[request, default: 0] += 1 }
        let given = counts.filter { $0.value >= 2 }.keys.sorted()
        for request in given {
            counts[request] = nil
            poison(request)
        }
        suspects = counts
        return given
    }

    private var suspects: [UInt64: UInt64] {
        get {
            var counts: [UInt64: UInt64] = [:]
            for index in 0..<RecordLayout.mostSuspects {
                let offset = RecordLayout.suspects + 16 * index
                if memory.word(offset) != 0 { counts[memory.word(offset)] = memory.word(offset + 8) }
            }
            return counts
        }
        set {
            let pairs = newValue.sorted { $0.key < $1.key }
            for index in 0..<RecordLayout.mostSuspects {
                let offset = RecordLayout.suspects + 16 * index
                memory.setWord(offset, index < pairs.count ? pairs[index].key : 0)
                memory.setWord(offset + 8, index < pairs.count ? pairs[index].value : 0)
            }
        }
    }

    /// The oldest makes room: the kernel sends a request again only until it is answered.
    private func poison(_ request: UInt64) {
        noteRefused(request: request)
        for index in (1..<RecordLayout.mostPoisoned).reversed() {
            memory.setWord(RecordLayout.poisoned + 8 * index, memory.word(RecordLayout.poisoned + 8 * (index - 1)))
        }
        memory.setWord(RecordLayout.poisoned, request)
    }
}
