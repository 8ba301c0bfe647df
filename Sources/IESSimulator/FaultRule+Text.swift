// SPDX-License-Identifier: Apache-2.0

import IESService

extension FaultRule {
    /// Reads one line such as `id=abc fault=cut:100 times=1`. `SimulatorHelp.faults` lists the words.
    package init(parsing text: String) throws(OrderError) {
        var line = try OrderLine(text)
        try self.init(&line)
        try line.finish()
    }

    init(_ line: inout OrderLine) throws(OrderError) {
        let task = try line.task()
        let operation = try line.choice("on", of: Operation.self)
        var times: Int? = 1
        if let word = line.take("times") {
            times = word == "ever" ? nil : Int(word)
            guard word == "ever" || times != nil else { throw OrderError("times=\(word) is neither a number nor ever") }
        }
        let after = try line.integer("after", as: Int.self) ?? 0
        guard let word = line.take("fault") else { throw OrderError("no fault= is given") }
        self.init(
            try Fault(word: word, &line), task: task, operation: operation, times: times, after: after)
    }
}

extension Fault {
    /// `name` or `name:argument`; some take further words of the line.
    init(word: String, _ line: inout OrderLine) throws(OrderError) {
        let name = String(word.prefix { $0 != ":" })
        let argument = name.count < word.count ? String(word.dropFirst(name.count + 1)) : nil
        if let fault = try Self.answer(name, argument, &line) {
            self = fault
        } else if let fault = try Self.connection(name, argument) {
            self = fault
        } else if let fault = try Self.framing(name, argument) {
            self = fault
        } else if let fault = try Self.content(name, argument) {
            self = fault
        } else {
            throw OrderError("the fault \"\(name)\" is not known")
        }
    }

    private static func answer(
        _ name: String, _ argument: String?, _ line: inout OrderLine
    ) throws(OrderError) -> Self? {
        switch name {
        case "status": return .status(try integer(name, argument))
        case "refuse": return .refusal(try Refusal(&line, status: nil))
        case "error-200":
            return .refusal(Refusal(status: 200, code: "MSS.000000001", message: argument ?? "失败"))
        case "html":
            return .refusal(
                Refusal(status: try integer(name, argument ?? "400"), code: "", message: "nginx", shape: .html))
        case "message-size":
            let size = try integer(name, argument) as Int
            return .refusal(Refusal(code: "MSS.000000003", message: String(repeating: "很长", count: (size + 5) / 6)))
        case "message-nul": return .refusal(Refusal(code: "MSS.000000003", message: "before\0after"))
        case "message-invalid":
            return .refusal(
                Refusal(
                    status: 400, code: "MSS.000000003", messageBytes: Array("before".utf8) + [0xFF, 0xC3, 0x28]))
        case "throttle": return .throttled(status: try line.integer("status", as: Int.self) ?? 429, try retry(argument))
        case "redirect":
            switch argument {
            case "loop": return .redirect(.loop)
            case "nowhere", nil: return .redirect(.nowhere)
            case "expired": return .redirect(.expiredLink)
            case let location?: return .redirect(.to(location))
            }
        default: return nil
        }
    }

    private static func connection(_ name: String, _ argument: String?) throws(OrderError) -> Self? {
        switch name {
        case "silence": .silence
        case "close": .close
        case "reset": argument == nil ? .reset : .cutBody(at: try integer(name, argument), .reset)
        case "cut": .cutBody(at: try integer(name, argument), .close)
        case "stall": .cutBody(at: try integer(name, argument), .silence)
        case "head-cut": .cutHead(at: try integer(name, argument), .close)
        case "head-reset": .cutHead(at: try integer(name, argument), .reset)
        case "head-stall": .cutHead(at: try integer(name, argument), .silence)
        case "latency": .latency(try duration(name, argument))
        case "speed": .bytesPerSecond(try integer(name, argument))
        case "raw": .raw(Array((argument ?? "").utf8))
        default: nil
        }
    }

    private static func framing(_ name: String, _ argument: String?) throws(OrderError) -> Self? {
        switch name {
        case "length": .contentLength(argument ?? "")
        case "second-length": .secondContentLength(argument ?? "0")
        case "no-length": .noLength
        case "chunked": .chunked(try flaw(argument ?? "none"))
        case "content-range": .contentRange(argument ?? "")
        case "range-offset": .contentRangeChange(offset: try integer(name, argument), total: 0, unit: "bytes")
        case "range-total": .contentRangeChange(offset: 0, total: try integer(name, argument), unit: "bytes")
        case "range-unit": .contentRangeChange(offset: 0, total: 0, unit: argument ?? "items")
        case "gzip": .gzip
        case "date": .dateSkew(try duration(name, argument))
        case "large-head": .largeHead(bytes: try integer(name, argument), oneLine: false)
        case "long-line": .largeHead(bytes: try integer(name, argument), oneLine: true)
        case "field":
            .field(HeaderField(String((argument ?? "").prefix { $0 != ":" }), field(argument ?? "")))
        default: nil
        }
    }

    private static func flaw(_ word: String) throws(OrderError) -> ChunkFlaw {
        guard let flaw = ChunkFlaw(rawValue: word) else {
            throw OrderError("chunked:\(word) is none of none, size, unfinished, trailer")
        }
        return flaw
    }

    private static func content(_ name: String, _ argument: String?) throws(OrderError) -> Self? {
        switch name {
        case "etag": .entityTag(argument ?? "\"other\"")
        case "ignore-range": .ignoredRange
        case "unasked-range": .unaskedRange
        case "flip": .flippedBit(at: try integer(name, argument))
        case "surplus": .surplus(try integer(name, argument))
        default: nil
        }
    }

    private static func field(_ text: String) -> String {
        String(text.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
    }

    static func retry(_ argument: String?) throws(OrderError) -> RetryAfter {
        guard let argument, argument != "none" else { return .none }
        if argument.hasPrefix("date:"), let delay = OrderText.duration(argument.dropFirst(5)) { return .date(delay) }
        return Int(argument).map { .seconds($0) } ?? .text(argument)
    }

    private static func integer<Number: FixedWidthInteger>(
        _ name: String, _ argument: String?
    ) throws(OrderError) -> Number {
        guard let argument, let number = OrderText.size(argument), let exact = Number(exactly: number) else {
            throw OrderError("\(name) needs a number, as in \(name):100")
        }
        return exact
    }

    private static func duration(_ name: String, _ argument: String?) throws(OrderError) -> Duration {
        guard let argument, let duration = OrderText.duration(argument) else {
            throw OrderError("\(name) needs a time, as in \(name):2s")
        }
        return duration
    }
}

extension Refusal {
    /// The words `code`, `status`, `message` and `shape`; what is missing is as documented for the code.
    init(_ line: inout OrderLine, status fallback: Int?) throws(OrderError) {
        let status = try line.integer("status", as: Int.self) ?? fallback
        let code = line.take("code")
        var refusal =
            code.flatMap { DocumentedError.named($0) }
            ?? code.map { Refusal(status: status ?? 400, code: $0, message: "失败") }
            ?? DocumentedError.forStatus(status ?? 400)
        if let status { refusal.status = status }
        if let message = line.take("message") { refusal.message = Array(message.utf8) }
        if let shape = try line.choice("shape", of: Shape.self) { refusal.shape = shape }
        self = refusal
    }
}
