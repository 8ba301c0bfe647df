// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

extension SimulatedService {
    /// `GET …/ies/result/{id}`, and the signed link of a result.
    func resultAnswer(_ call: Call, project: ProjectID) -> SimulatedResponse {
        guard let task = call.task, let result = result(task, project: project) else {
            return refuse(call.behaviour.unknown, call)
        }
        switch result.state {
        case .finished: break
        case .running: return refuse(call.behaviour.running, call)
        case .failed: return refuse(call.behaviour.failed, call)
        case .refused(let refusal): return refuse(refusal, call)
        }
        if call.operation == .result, call.behaviour.redirects != .none {
            return SimulatedResponse(status: 302, fields: [HeaderField("Location", link(to: result, call))])
        }
        guard let reader = ContentReader(result.content) else {
            return refuse(Refusal(code: "MSS.000000002", message: "内部错误：结果文件无法读取"), call)
        }
        return deliver(result, size: reader.size, call)
    }

    /// A finished result, whole or in part.
    private func deliver(_ result: SimulatedResult, size: Int64, _ call: Call) -> SimulatedResponse {
        let span = fault(.span, call)
        let entityTag = fault(.etag, call)
        var etag = result.etag
        if case .entityTag(let other) = entityTag { etag = other }
        var fields: [HeaderField] = []
        if let etag { fields.append(HeaderField("ETag", etag)) }
        if let time = result.modified { fields.append(HeaderField("Last-Modified", Times.http(time))) }
        if isUnchanged(call, etag: etag, lastModified: result.modified) {
            return SimulatedResponse(status: 304, fields: fields)
        }
        if let type = result.mediaType { fields.insert(HeaderField("Content-Type", type), at: 0) }
        if let disposition = result.disposition ?? result.filename.map(ContentDisposition.attachment) {
            fields.append(HeaderField("Content-Disposition", disposition))
        }
        if call.behaviour.ranges == .honoured, call.behaviour.announcesRanges {
            fields.append(HeaderField("Accept-Ranges", "bytes"))
        }
        var range = ByteRange(call.request.fields.first("Range"), size: size)
        if call.behaviour.ranges == .ignored || span == .ignoredRange
            || !admits(call, etag: etag, lastModified: result.modified)
        {
            range = .whole
        }
        if span == .unaskedRange, size > 1 { range = .part(0..<size / 2) }
        var response: SimulatedResponse
        switch range {
        case .whole:
            response = SimulatedResponse(status: 200, fields: fields, body: .content(result.content, 0..<size))
        case .part(let part):
            fields.append(HeaderField("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
            response = SimulatedResponse(status: 206, fields: fields, body: .content(result.content, part))
        case .unsatisfiable: return unsatisfiable(size: size, call)
        }
        response.isResult = true
        return response
    }

    func unsatisfiable(size: Int64, _ call: Call) -> SimulatedResponse {
        refuse(
            Refusal(
                status: 416, code: "InvalidRange", message: "The requested range cannot be satisfied",
                fields: [HeaderField("Content-Range", "bytes */\(size)")]), call)
    }

    /// `If-None-Match` by weak comparison, else `If-Modified-Since` (RFC 9110 section 13.2.2).
    private func isUnchanged(_ call: Call, etag: String?, lastModified: Date?) -> Bool {
        guard call.behaviour.honoursConditions else { return false }
        if let condition = call.request.fields.first("If-None-Match") {
            let known = condition.split(separator: ",").map { Self.opaque($0.drop { $0 == " " }) }
            return condition == "*" || etag.map { known.contains(Self.opaque($0)) } ?? false
        }
        guard let since = call.request.fields.first("If-Modified-Since").flatMap(Times.parseHTTP), let lastModified
        else { return false }
        return lastModified.timeIntervalSince1970.rounded(.down) <= since.timeIntervalSince1970
    }

    /// Whether `If-Range` lets a range through: strong comparison for tags, equality for dates.
    private func admits(_ call: Call, etag: String?, lastModified: Date?) -> Bool {
        guard call.behaviour.ifRange == .honoured, let condition = call.request.fields.first("If-Range") else {
            return true
        }
        if condition.hasPrefix("\"") { return etag == condition }
        if condition.hasPrefix("W/") { return false }
        return lastModified.map(Times.http) == condition
    }

    private static func opaque(_ tag: some StringProtocol) -> String {
        String(tag.hasPrefix("W/") ? tag.dropFirst(2) : tag.dropFirst(0))
    }
}

/// A `Range` field against a size (RFC 9110 section 14.2). What is malformed, of another unit or of
/// several parts is answered with the whole, as servers may.
enum ByteRange: Hashable {
    case whole
    case part(Range<Int64>)
    case unsatisfiable

    init(_ text: String?, size: Int64) {
        self = text.flatMap { Self.parse($0, size: size) } ?? .whole
    }

    private static func parse(_ text: String, size: Int64) -> Self? {
        guard text.lowercased().hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            return nil
        }
        switch (Int64(ends[0]), Int64(ends[1])) {
        case (let first?, let last?) where last < first: return nil
        case (let first?, let last):
            guard first < size else { return .unsatisfiable }
            return ends[1].isEmpty ? .part(first..<size) : .part(first..<min(size - 1, last ?? .max) + 1)
        case (nil, let length?) where ends[0].isEmpty:
            guard length > 0, size > 0 else { return .unsatisfiable }
            return .part(max(0, size - length)..<size)
        default: return nil
        }
    }
}

enum ContentDisposition {
    /// `attachment` with an ASCII name, and the true one by RFC 8187 where it differs.
    static func attachment(_ name: String) -> String {
        let plain = String(
            decoding: name.utf8.map { byte -> UInt8 in
                (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                    ? byte : UInt8(ascii: "_")
            }, as: UTF8.self)
        guard plain != name else { return "attachment; filename=\"\(name)\"" }
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(PercentCoding.encode(Array(name.utf8)))"
    }
}
