// SPDX-License-Identifier: Apache-2.0

package import IESService

/// One thing that goes wrong with an answer. `Fault.parse` reads the spelling in `help`.
package enum Fault: Sendable, Hashable {
    // What is answered instead.
    /// That status with a fitting body: 204 and 304 bare, 416 with `bytes */size`, others a gateway error.
    case status(Int)
    case refusal(Refusal)
    /// 429 or 503 with code 0308.
    case throttled(status: Int, RetryAfter)
    case redirect(Redirect)
    /// These bytes instead of any response, then the connection closes.
    case raw([UInt8])

    // What happens to the connection.
    /// Nothing is ever sent; the connection stays open.
    case silence
    /// Closed in order, before the status line.
    case close
    /// Reset (RST) before the status line.
    case reset
    case latency(Duration)
    /// The first `bytes` of the head, then the ending.
    case cutHead(at: Int, Ending)
    /// The first `bytes` of the body, then the ending.
    case cutBody(at: Int64, Ending)
    case bytesPerSecond(Int)
    /// What the in-process transport throws; over sockets the connection is reset.
    case transport(TransportError)

    // What the head says wrongly.
    /// `Content-Length` verbatim instead of the right one.
    case contentLength(String)
    /// A second `Content-Length` after the right one.
    case secondContentLength(String)
    /// Neither `Content-Length` nor chunked; the body ends with the connection.
    case noLength
    case chunked(ChunkFlaw)
    /// `Content-Range` verbatim.
    case contentRange(String)
    /// `Content-Range` with both offsets moved, another total, or another unit.
    case contentRangeChange(offset: Int64, total: Int64, unit: String)
    /// Compressed whatever the request says.
    case gzip
    case dateSkew(Duration)
    /// Additional fields of so many bytes in all, in lines of 8,000 or in one.
    case largeHead(bytes: Int, oneLine: Bool)
    /// Any further field, verbatim.
    case field(HeaderField)
    /// Another entity tag than the result's.
    case entityTag(String)

    // What the body is.
    /// 200 with the whole to a ranged request.
    case ignoredRange
    /// 206 with the first half to a request without a range.
    case unaskedRange
    /// One bit of the body's byte at this offset of the result.
    case flippedBit(at: Int64)
    /// So many bytes after the end of the body.
    case surplus(Int)

    package enum Ending: String, Sendable, Hashable, CaseIterable { case close, reset, silence }

    package enum Redirect: Sendable, Hashable {
        case to(String)
        /// To the request's own URL.
        case loop
        /// A 302 without `Location`.
        case nowhere
        /// To a link of this service that has expired.
        case expiredLink
    }

    package enum ChunkFlaw: String, Sendable, Hashable, CaseIterable {
        case none
        /// A chunk size that is no number, after the first chunk.
        case size
        /// No final chunk: the connection closes after the last byte.
        case unfinished
        /// A trailer line that is no field.
        case trailer
    }

    /// Faults of one slot replace each other; of different slots they add up.
    enum Slot: Hashable, CaseIterable {
        case answer, start, latency, cut, speed, length, range, encoding, date, padding, field, etag, span, bits,
            surplus
    }

    var slot: Slot {
        switch self {
        case .status, .refusal, .throttled, .redirect: .answer
        case .raw, .silence, .close, .reset, .transport: .start
        case .latency: .latency
        case .cutHead, .cutBody: .cut
        case .bytesPerSecond: .speed
        case .contentLength, .secondContentLength, .noLength, .chunked: .length
        case .contentRange, .contentRangeChange: .range
        case .gzip: .encoding
        case .dateSkew: .date
        case .largeHead: .padding
        case .field: .field
        case .entityTag: .etag
        case .ignoredRange, .unaskedRange: .span
        case .flippedBit: .bits
        case .surplus: .surplus
        }
    }
}

/// A fault, for whom, and how often.
package struct FaultRule: Sendable, Hashable {
    package var fault: Fault
    /// Nil: every task.
    package var task: TaskID?
    /// Nil: every kind of call.
    package var operation: Operation?
    /// How often it still strikes; nil for ever.
    package var times: Int?
    /// How many calls it lets pass first.
    package var after: Int

    package init(
        _ fault: Fault, task: TaskID? = nil, operation: Operation? = nil, times: Int? = 1, after: Int = 0
    ) {
        self.fault = fault
        self.task = task
        self.operation = operation
        self.times = times
        self.after = after
    }
}

/// The kinds of call.
package enum Operation: String, Sendable, Hashable, CaseIterable {
    case result
    /// A result's signed link, where results are answered with redirects.
    case link
    case list, detail, token
    /// IAM's list of projects, and the two steps of a cloud server's metadata service.
    case projects, metadataToken = "metadata-token", metadataKeys = "metadata-keys"
    case other
}

/// The rules in force, in the order they were given.
struct FaultBook: Sendable {
    private(set) var rules: [FaultRule] = []

    mutating func add(_ rule: FaultRule) {
        if rule.times.map({ $0 > 0 }) ?? true { rules.append(rule) }
    }

    mutating func clear() { rules.removeAll() }
    mutating func clear(task: TaskID) { rules.removeAll { $0.task == task } }

    /// The first rule of `slot` that applies to the call, used up once.
    mutating func take(_ slot: Fault.Slot, task: TaskID?, operation: Operation) -> Fault? {
        for index in rules.indices {
            let rule = rules[index]
            guard rule.fault.slot == slot, rule.task == nil || rule.task == task,
                rule.operation == nil || rule.operation == operation
            else { continue }
            if rule.after > 0 {
                rules[index].after -= 1
                continue
            }
            if let times = rule.times {
                if times <= 1 { rules.remove(at: index) } else { rules[index].times = times - 1 }
            }
            return rule.fault
        }
        return nil
    }
}
