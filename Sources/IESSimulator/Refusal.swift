// SPDX-License-Identifier: Apache-2.0

/// An answer that is not the thing asked for: status, service code and message, in one of the body
/// shapes seen in public material (facts/ies-api.md section 7.1).
package struct Refusal: Sendable, Hashable {
    /// How the code and the message are written down.
    package enum Shape: String, Sendable, Hashable, CaseIterable {
        /// `{"error_code", "error_msg", "request_id"}`: the IES pages and the gateway.
        case documented
        /// `{"error_code", "error_msg"}`: other MetaStudio pages.
        case withoutRequestID = "no-request-id"
        /// `{"error": {"code": 401, "message", "title"}}`: IAM.
        case iam
        /// `{"errorCode", "errorMsg"}`, accepted by the official SDK.
        case camelCase = "camel-case"
        /// `{"code", "message"}`, accepted by the official SDK.
        case plain
        /// A page of a proxy on the way, code and message in the text.
        case html
        /// No body at all.
        case empty
    }

    package var status: Int
    package var code: String
    /// UTF-8, unless a test wants otherwise. Written into JSON with the escapes JSON demands and no others.
    package var message: [UInt8]
    /// Nil: as `Behaviour.errorShape` says.
    package var shape: Shape?
    /// Further fields, such as `Retry-After`.
    package var fields: [HeaderField]

    package init(
        status: Int = 400, code: String, message: String, shape: Shape? = nil, fields: [HeaderField] = []
    ) {
        self.init(status: status, code: code, messageBytes: Array(message.utf8), shape: shape, fields: fields)
    }

    /// A message that need not be UTF-8.
    package init(
        status: Int, code: String, messageBytes: [UInt8], shape: Shape? = nil, fields: [HeaderField] = []
    ) {
        self.status = status
        self.code = code
        self.message = messageBytes
        self.shape = shape
        self.fields = fields
    }

    /// Media type and bytes of the body.
    func body(shape fallback: Shape, requestID: String) -> (mediaType: String, bytes: [UInt8]) {
        switch shape ?? fallback {
        case .documented:
            (
                Self.json,
                object([
                    ("error_code", Self.quoted(code)), ("error_msg", JSONText.quoted(message)),
                    ("request_id", Self.quoted(requestID)),
                ])
            )
        case .withoutRequestID:
            (Self.json, object([("error_code", Self.quoted(code)), ("error_msg", JSONText.quoted(message))]))
        case .iam:
            (
                Self.json,
                object([
                    (
                        "error",
                        object([
                            ("code", Array(String(status).utf8)), ("message", JSONText.quoted(message)),
                            ("title", Self.quoted(HTTPStatus.reason(status))),
                        ])
                    )
                ])
            )
        case .camelCase:
            (Self.json, object([("errorCode", Self.quoted(code)), ("errorMsg", JSONText.quoted(message))]))
        case .plain:
            (Self.json, object([("code", Self.quoted(code)), ("message", JSONText.quoted(message))]))
        case .html:
            (
                "text/html",
                Array(
                    "<html>\n<head><title>\(status) \(HTTPStatus.reason(status))</title></head>\n<body>\n<h1>\(status) \(HTTPStatus.reason(status))</h1>\n<p>\(code) "
                        .utf8)
                    + message + Array("</p>\n</body>\n</html>\n".utf8)
            )
        case .empty: (Self.json, [])
        }
    }

    private static let json = "application/json"

    private static func quoted(_ text: String) -> [UInt8] { JSONText.quoted(Array(text.utf8)) }

    private func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        var bytes = Array("{".utf8)
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += Self.quoted(member.0) + [UInt8(ascii: ":")] + member.1
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

/// Writes JSON strings byte for byte: nothing is escaped that need not be, and bytes that are not
/// UTF-8 pass through, since some servers send them.
enum JSONText {
    static func quoted(_ text: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 2)
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
            case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
            case 0..<0x20: bytes += Array("\\u00".utf8) + Hex.bytes([byte])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }

    static func quoted(_ text: String) -> String {
        String(decoding: quoted(Array(text.utf8)), as: UTF8.self)
    }
}

/// Lower-case hexadecimal.
enum Hex {
    static func bytes(_ input: some Sequence<UInt8>) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return input.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    static func text(_ input: some Sequence<UInt8>) -> String { String(decoding: bytes(input), as: UTF8.self) }
}
