// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

extension SimulatedService {
    /// What a fault puts in place of the regular answer; nil where none is due.
    func replacement(_ call: Call) -> SimulatedResponse? {
        switch fault(.answer, call) {
        case .status(let status): answer(status: status, call)
        case .refusal(let refusal): refuse(refusal, call)
        case .throttled(let status, let retryAfter): throttled(status: status, retryAfter, call)
        case .redirect(let redirect): redirected(redirect, call)
        default: nil
        }
    }

    private func answer(status: Int, _ call: Call) -> SimulatedResponse {
        let size = call.task.flatMap { result($0, project: call.project)?.content.size } ?? 0
        switch status {
        case 416: return unsatisfiable(size: size, call)
        case 200..<400:
            return SimulatedResponse(status: status)
        default: return refuse(DocumentedError.forStatus(status), call)
        }
    }

    private func redirected(_ redirect: Fault.Redirect, _ call: Call) -> SimulatedResponse {
        let location: String? =
            switch redirect {
            case .to(let location): location
            case .loop: "\(call.origin)\(call.request.target)"
            case .nowhere: nil
            case .expiredLink:
                call.task.map { link(to: SimulatedResult($0), call, lifetime: .seconds(-60)) } ?? call.origin
            }
        return SimulatedResponse(status: 302, fields: location.map { [HeaderField("Location", $0)] } ?? [])
    }

    /// Lets the faults of head, connection and body loose on an answer that is otherwise complete.
    func apply(_ response: inout SimulatedResponse, _ call: Call) {
        applyToStart(&response, call)
        applyToHead(&response, call)
        if response.bodyLength > 0 || response.isResult { applyToBody(&response, call) }
    }

    private func applyToStart(_ response: inout SimulatedResponse, _ call: Call) {
        switch fault(.start, call) {
        case .raw(let bytes): response.start = .raw(bytes)
        case .silence: response.start = .silence
        case .close: response.start = .close
        case .reset: response.start = .reset
        case .transport(let error): response.start = .transport(error)
        default: break
        }
        if case .latency(let delay) = fault(.latency, call) { response.latency += delay }
        switch fault(.cut, call) {
        case .cutHead(let place, let ending): response.headEnd = (place, ending)
        case .cutBody(let place, let ending): response.bodyEnd = (place, ending)
        default: break
        }
    }

    private func applyToHead(_ response: inout SimulatedResponse, _ call: Call) {
        if case .dateSkew(let skew) = fault(.date, call) {
            response.fields.set("Date", Times.http(call.time + skew.seconds))
        }
        if case .field(let field) = fault(.field, call) { response.fields.append(field) }
        if case .largeHead(let bytes, let oneLine) = fault(.padding, call) {
            let line = oneLine ? bytes : min(bytes, 8_000)
            for index in 0..<(bytes + line - 1) / max(1, line) {
                response.fields.append(
                    HeaderField("X-Padding-\(index)", String(repeating: "p", count: min(line, bytes - index * line))))
            }
        }
    }

    private func applyToBody(_ response: inout SimulatedResponse, _ call: Call) {
        if case .bytesPerSecond(let rate) = fault(.speed, call) { response.bytesPerSecond = rate }
        if response.status == 206 { applyToRange(&response, call) }
        if case .gzip = fault(.encoding, call) { compress(&response) }
        if case .flippedBit(let place) = fault(.bits, call) {
            var start: Int64 = 0
            if case .content(_, let range) = response.body { start = range.lowerBound }
            response.flippedBits.append(place - start)
        }
        if case .surplus(let count) = fault(.surplus, call) {
            response.surplus = count
            response.closesAfterwards = true
        }
        switch fault(.length, call) {
        case .contentLength(let text):
            unframe(&response)
            response.fields.append(HeaderField("Content-Length", text))
        case .secondContentLength(let text):
            unframe(&response)
            response.fields.append(HeaderField("Content-Length", "\(response.bodyLength)"))
            response.fields.append(HeaderField("Content-Length", text))
        case .noLength:
            unframe(&response)
            response.framing = .untilClose
        case .chunked(let flaw):
            unframe(&response)
            response.closesAfterwards = flaw != .none
            response.fields.append(HeaderField("Transfer-Encoding", "chunked"))
            response.framing = .chunked(flaw)
        default: break
        }
    }

    private func applyToRange(_ response: inout SimulatedResponse, _ call: Call) {
        switch fault(.range, call) {
        case .contentRange(let text): response.fields.set("Content-Range", text)
        case .contentRangeChange(let offset, let total, let unit):
            guard let text = response.fields.first("Content-Range") else { return }
            let numbers = text.split { !$0.isNumber }.compactMap { Int64($0) }
            guard numbers.count == 3 else { return }
            response.fields.set(
                "Content-Range",
                "\(unit) \(numbers[0] &+ offset)-\(numbers[1] &+ offset)/\(numbers[2] &+ total)")
        default: break
        }
    }

    /// Takes the framing out of the head; the connection cannot be used after what comes instead.
    private func unframe(_ response: inout SimulatedResponse) {
        response.fields.removeAll(named: "Content-Length")
        response.fields.removeAll(named: "Transfer-Encoding")
        response.framing = .bare
        response.closesAfterwards = true
    }

    /// Replaces the body by a gzip member of stored blocks (RFC 1951, 1952). Bodies up to 64 MiB only.
    private func compress(_ response: inout SimulatedResponse) {
        let bytes: [UInt8]
        switch response.body {
        case .bytes(let given): bytes = given
        case .content(let content, let range):
            guard range.count <= 64 << 20, let read = content.bytes(in: range) else { return }
            bytes = read
        }
        response.body = .bytes(Gzip.stored(bytes))
        response.fields.append(HeaderField("Content-Encoding", "gzip"))
        if response.fields.first("Content-Length") != nil {
            response.fields.set("Content-Length", "\(response.bodyLength)")
        }
    }
}
