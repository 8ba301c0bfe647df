// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService

/// How the end of a response's body is known (RFC 9112 section 6.3).
enum BodyEnd: Hashable {
    /// The response has no body, whatever its fields say.
    case noBody
    case length(Int64)
    case chunked
    /// HTTP/2 ends a body by a frame.
    case frame
    /// The end of the connection, which cannot be told from a cut: the receiver sees that in the head.
    case connection
    /// The fields contradict themselves, so that no end can be believed.
    case unknowable(String)

    init(of head: HeadReader.Head, to method: HTTPRequest.Method) {
        let response = head.response
        guard method != .head, response.status != 204, response.status != 304 else {
            self = .noBody
            return
        }
        do throws(Framing.Violation) {
            switch (try Framing.judge(response.headerFields), head.version) {
            case (.length(let length), _): self = .length(length)
            case (.chunked, .http11): self = .chunked
            case (.chunked, _): self = .unknowable("the response is chunked, which its version of HTTP does not know")
            case (.untilClose, .http2): self = .frame
            case (.untilClose, _): self = .connection
            }
        } catch {
            self = .unknowable("the response \(error.text)")
        }
    }
}
