// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import HTTPTypes

/// Makes a `ServiceError` of whatever came instead of the answer: any of the JSON shapes that the service, its
/// gateway and IAM use, an object store's XML, HTML, plain text, nothing, or noise.
package enum RefusalDecoder {
    /// What is kept of a refusal's body, and the longest message.
    package static let bodyLimit = 65536
    private static let codeLimit = 256
    private static let requestIDLimit = 256

    /// - Parameter body: At most `bodyLimit` bytes; it may end anywhere.
    package static func decode(
        status: Int, fields: HTTPFields, body: [UInt8], at time: Date, url: String
    ) -> ServiceError {
        let found = explanation(in: body, fields: fields)
        let date = fields[.date].flatMap { HTTPDate.parse($0, now: time) }
        return ServiceError(
            status: status,
            code: found.code.flatMap { nonEmpty($0, codeLimit) },
            message: found.message.flatMap { nonEmpty($0, bodyLimit) } ?? sentence(status, found.code),
            requestID: (requestID(fields) ?? found.requestID).flatMap { nonEmpty($0, requestIDLimit) },
            retryAfter: fields[values: .retryAfter].first.flatMap {
                RetryAfter.parse($0, serverDate: date, now: time)
            },
            time: time, url: url)
    }

    /// The refusal in a document that was sent with status 200 as if it were the result: an object with an
    /// `error_code` of the service or its gateway and an `error_msg`. Nil for anything else, which is a result.
    package static func refusal(inResult body: [UInt8], fields: HTTPFields, at time: Date, url: String) -> ServiceError?
    {
        let reading = JSONText.read(body)
        guard reading.isWhole, let document = reading.value, case .string(let code)? = document["error_code"],
            case .string? = document["error_msg"], ["MSS.", "APIG.", "APIGW."].contains(where: code.hasPrefix)
        else { return nil }
        return decode(status: 200, fields: fields, body: body, at: time, url: url)
    }

    private struct Explanation {
        var code: String?
        var message: String?
        var requestID: String?
    }

    private static func explanation(in body: [UInt8], fields: HTTPFields) -> Explanation {
        guard (try? Framing.checkCoding(fields)) != nil else { return Explanation() }
        let body = Array(body.prefix(bodyLimit))
        if let document = JSONText.read(body).value, isContainer(document) { return explanation(in: document) }
        let text = String(decoding: body, as: UTF8.self)
        let start = text.drop(while: \.isWhitespace)
        if start.hasPrefix("<") { return explanation(inMarkup: text) }
        return Explanation(message: start.isEmpty ? nil : text)
    }

    private static func isContainer(_ document: JSONText) -> Bool {
        switch document {
        case .object, .array: true
        default: false
        }
    }

    private static let shapes = [
        (code: "error_code", message: "error_msg"), (code: "errorCode", message: "errorMsg"),
        (code: "code", message: "message"),
    ]

    /// First a whole pair, then either half: at the top, then in what is nested, as the official SDK looks.
    private static func explanation(in document: JSONText) -> Explanation {
        let objects = objects(in: document)
        let requestID = objects.lazy.compactMap { $0["request_id"]?.scalar ?? $0["requestId"]?.scalar }.first
        for object in objects {
            for shape in shapes {
                guard let code = object[shape.code]?.scalar, let message = object[shape.message]?.scalar else {
                    continue
                }
                return Explanation(code: code, message: message, requestID: requestID)
            }
        }
        let code = objects.lazy.compactMap { object in shapes.lazy.compactMap { object[$0.code]?.scalar }.first }.first
        let names = shapes.map(\.message) + ["error_description", "msg", "error", "detail"]
        let message = objects.lazy.compactMap { object in names.lazy.compactMap { object[$0]?.scalar }.first }.first
        return Explanation(code: code, message: message, requestID: requestID)
    }

    /// The objects of the document, outer ones first.
    private static func objects(in document: JSONText) -> [JSONText] {
        var found: [JSONText] = []
        var level = [document]
        while !level.isEmpty, found.count < 1000 {
            var next: [JSONText] = []
            for value in level {
                switch value {
                case .object(let members):
                    found.append(value)
                    next += members.map(\.value)
                case .array(let elements): next += elements
                default: break
                }
            }
            level = next
        }
        return found
    }

    /// An object store answers in XML with `Code` and `Message`; a proxy in HTML, whose title says most.
    private static func explanation(inMarkup text: String) -> Explanation {
        if let message = element("Message", of: text) {
            return Explanation(
                code: element("Code", of: text), message: message, requestID: element("RequestId", of: text))
        }
        let title = element("title", of: text) ?? element("TITLE", of: text) ?? element("h1", of: text)
        return Explanation(message: title)
    }

    private static func element(_ name: String, of text: String) -> String? {
        guard let start = text.firstRange(of: "<\(name)>")?.upperBound,
            let end = text[start...].firstRange(of: "</\(name)>")?.lowerBound
        else { return nil }
        return String(text[start..<end])
    }

    private static func requestID(_ fields: HTTPFields) -> String? {
        HTTPField.Name("X-Request-Id").flatMap { fields[values: $0].first { !$0.isEmpty } }
    }

    private static func nonEmpty(_ text: String, _ limit: Int) -> String? {
        text.isEmpty ? nil : text.prefix(utf8: limit)
    }

    private static func sentence(_ status: Int, _ code: String?) -> String {
        let code = code.flatMap { nonEmpty($0, codeLimit) }.map { " and code \($0)" } ?? ""
        return "The service answered with HTTP status \(status)\(code), without an explanation."
    }
}
