// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes

/// What a request for a result asked, as far as its answer is judged by it.
struct ResultQuestion: Sendable {
    /// At the endpoint, without its query.
    let url: String
    let range: Range<Int64>?
    /// It carried `If-None-Match` or `If-Modified-Since`, so that a 304 is an answer.
    let isConditional: Bool
}

/// What is to be done with a response, decided by its head alone.
enum ResponseVerdict: Hashable, Sendable {
    /// The bytes of a result follow. `promised`: how many, where that is known beforehand.
    case stream(ResultAnswer, promised: Int64?)
    /// A JSON document that is, or may turn out to be, small enough to be a refusal.
    case hold(ResultAnswer, promised: Int64?)
    /// A JSON document of a call other than a result follows.
    case collect(promised: Int64?)
    /// An answer without bytes.
    case tell(ResultAnswer)
    /// To the value of `Location`.
    case redirect(String)
    /// Neither: the body is an explanation, or nothing.
    case refuse
    case fail(ServiceFailure)

    /// A JSON 200 up to this size is looked at before it is believed to be a result.
    static let suspicionLimit = 65536

    static func judge(_ head: HTTPResponse, _ question: ResultQuestion, now: Date) -> ResponseVerdict {
        let answers = AnswerBuilder(fields: head.headerFields, url: question.url, now: now)
        do throws(ServiceFailure) {
            switch head.status.code {
            case 200: return try whole(head.headerFields, answers)
            case 206: return try part(head.headerFields, question, answers)
            case 304 where question.isConditional: return .tell(answers.answer(.notModified))
            case 416 where question.range != nil:
                return .tell(answers.answer(.unsatisfiable(total: unsatisfiedTotal(head.headerFields))))
            default: return redirectOrRefusal(head)
            }
        } catch {
            return .fail(error)
        }
    }

    /// For a call whose answer is a JSON document. Its end is told by its closing bracket, so it needs no length; over
    /// HTTP/2 it often has none.
    static func judgeDocument(_ head: HTTPResponse) -> ResponseVerdict {
        guard head.status.code == 200 else { return redirectOrRefusal(head) }
        do throws(ServiceFailure) {
            guard case .length(let length) = try framing(head.headerFields) else { return .collect(promised: nil) }
            return .collect(promised: length)
        } catch {
            return .fail(error)
        }
    }

    /// For any response that is not the one hoped for.
    private static func redirectOrRefusal(_ head: HTTPResponse) -> ResponseVerdict {
        let locations = head.headerFields[values: .location]
        guard [301, 302, 303, 307, 308].contains(head.status.code), locations.count == 1, !locations[0].isEmpty else {
            return .refuse
        }
        return .redirect(locations[0])
    }

    private static func whole(
        _ fields: HTTPFields, _ answers: AnswerBuilder
    ) throws(ServiceFailure) -> ResponseVerdict {
        let promised = try promisedLength(fields)
        let answer = answers.answer(.whole(length: promised))
        guard answer.mediaType == "application/json", promised ?? 0 <= suspicionLimit else {
            return .stream(answer, promised: promised)
        }
        return .hold(answer, promised: promised)
    }

    private static func part(
        _ fields: HTTPFields, _ question: ResultQuestion, _ answers: AnswerBuilder
    ) throws(ServiceFailure) -> ResponseVerdict {
        let promised = try promisedLength(fields)
        guard let asked = question.range else {
            throw .contradiction("The service sent a part (206) of the result, although the whole was asked for.")
        }
        let values = fields[values: .contentRange]
        guard values.count == 1, case .part(let range, let total)? = ContentRange.parse(values[0]) else {
            throw .malformed("The service sent a part (206) without a valid Content-Range.")
        }
        guard promised == nil || promised == Int64(range.count) else {
            throw .malformed("The service sent a part (206) whose Content-Length differs from its Content-Range.")
        }
        guard let total else {
            throw .contradiction("The service sent a part (206) without the size of the result.")
        }
        guard range == asked.clamped(to: 0..<total) else {
            throw .contradiction(
                "The service was asked for bytes \(asked.lowerBound)-\(asked.upperBound - 1) and sent "
                    + "\(range.lowerBound)-\(range.upperBound - 1) of \(total).")
        }
        return .stream(answers.answer(.part(range, total: total)), promised: Int64(range.count))
    }

    private static func framing(_ fields: HTTPFields) throws(ServiceFailure) -> Framing {
        do throws(Framing.Violation) {
            try Framing.checkCoding(fields)
            return try Framing.judge(fields)
        } catch {
            throw .malformed("The service's response \(error.text).")
        }
    }

    private static func promisedLength(_ fields: HTTPFields) throws(ServiceFailure) -> Int64? {
        switch try framing(fields) {
        case .length(let length): return length
        case .chunked: return nil
        case .untilClose:
            throw .malformed("The service's response has neither a length nor chunks, so its end cannot be told.")
        }
    }

    private static func unsatisfiedTotal(_ fields: HTTPFields) -> Int64? {
        let values = fields[values: .contentRange]
        guard values.count == 1, case .unsatisfied(let total)? = ContentRange.parse(values[0]) else { return nil }
        return total
    }
}

/// Makes a `ResultAnswer` of the fields of a response; what is not well-formed counts as absent.
private struct AnswerBuilder {
    let fields: HTTPFields
    let url: String
    let now: Date

    func answer(_ kind: ResultAnswer.Kind) -> ResultAnswer {
        let lastModified = single(.lastModified)
        let modified = lastModified.flatMap { HTTPDate.parse($0, now: now) }
        return ResultAnswer(
            kind: kind,
            validator: Validator(etag: single(.eTag).flatMap(etag), lastModified: modified == nil ? nil : lastModified),
            mediaType: single(.contentType).flatMap(mediaType),
            filename: fields[fields: .contentDisposition].first.flatMap { field in
                ContentDisposition.filename(in: field.withUnsafeBytesOfValue { Array($0) })
            },
            lastModified: modified,
            date: single(.date).flatMap { HTTPDate.parse($0, now: now) },
            url: url)
    }

    private func single(_ name: HTTPField.Name) -> String? {
        let values = fields[values: name]
        return values.count == 1 ? values[0] : nil
    }

    private static let longestTag = 1024

    private func etag(_ text: String) -> String? {
        let opaque = text.hasPrefix("W/") ? text.dropFirst(2) : text[...]
        let bytes = Array(opaque.utf8)
        guard (2...Self.longestTag).contains(bytes.count), bytes.first == UInt8(ascii: "\""),
            bytes.last == UInt8(ascii: "\""),
            bytes.dropFirst().dropLast().allSatisfy({ $0 >= 0x21 && $0 != 0x22 && $0 != 0x7F })
        else { return nil }
        return text
    }

    private static let longestMediaType = 127 + 1 + 127

    private func mediaType(_ text: String) -> String? {
        let type = text.prefix { $0 != ";" && $0 != " " && $0 != "\t" }.lowercased()
        let halves = type.split(separator: "/", omittingEmptySubsequences: false)
        let isType = halves.count == 2 && type.utf8.count <= Self.longestMediaType
        guard isType, halves.allSatisfy({ HTTPField.Name(String($0)) != nil }) else { return nil }
        return type
    }
}
