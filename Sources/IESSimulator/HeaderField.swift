// SPDX-License-Identifier: Apache-2.0

/// One header field as it is written: any bytes, any order, any number of times.
package struct HeaderField: Sendable, Hashable {
    package var name: String
    package var value: [UInt8]

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = Array(value.utf8)
    }

    package init(_ name: String, bytes: [UInt8]) {
        self.name = name
        self.value = bytes
    }

    /// The value as text, what is not UTF-8 replaced.
    package var text: String { String(decoding: value, as: UTF8.self) }
}

extension [HeaderField] {
    /// The first value of `name`, in any case of letters.
    func first(_ name: String) -> String? {
        first { $0.name.lowercased() == name.lowercased() }?.text
    }

    mutating func removeAll(named name: String) {
        removeAll { $0.name.lowercased() == name.lowercased() }
    }

    /// Replaces every field of that name by one; nil removes them.
    mutating func set(_ name: String, _ value: String?) {
        guard let value else { return removeAll(named: name) }
        if let index = firstIndex(where: { $0.name.lowercased() == name.lowercased() }) {
            self[index] = HeaderField(self[index].name, value)
        } else {
            append(HeaderField(name, value))
        }
    }
}

enum HTTPStatus {
    /// The reason phrase of RFC 9110; empty for a status it does not name.
    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 429: "Too Many Requests"
        case 494: "Request Header Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: ""
        }
    }

    /// Whether RFC 9112 lets a response of this status have a body.
    static func hasBody(_ status: Int) -> Bool { status != 204 && status != 304 && status >= 200 }
}
