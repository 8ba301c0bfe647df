// SPDX-License-Identifier: Apache-2.0

package import IESService

/// What is to be sent for one request, down to the byte, and when. A front (sockets, or in process)
/// carries it out and decides nothing.
package struct SimulatedResponse: Sendable {
    package enum Start: Sendable, Hashable {
        case head
        /// These bytes instead of a response; then the connection closes.
        case raw([UInt8])
        case silence, close, reset
        case transport(TransportError)
    }

    package enum Body: Sendable, Hashable {
        case bytes([UInt8])
        /// Part of a content.
        case content(SimulatedContent, Range<Int64>)
    }

    package enum Framing: Sendable, Hashable {
        /// As the fields say: the body's bytes follow the head bare.
        case bare
        case chunked(Fault.ChunkFlaw)
        /// Bare, and the connection closes after it.
        case untilClose
    }

    package var start = Start.head
    package var latency = Duration.zero
    package var status: Int
    package var fields: [HeaderField]
    package var body: Body
    package var framing = Framing.bare
    package var bytesPerSecond: Int?
    /// Ends inside the head, after that many bytes of it.
    package var headEnd: (at: Int, Fault.Ending)?
    /// Ends inside the body, after that many bytes of it.
    package var bodyEnd: (at: Int64, Fault.Ending)?
    /// Places in the body's bytes at which one bit is wrong.
    package var flippedBits: [Int64] = []
    package var surplus = 0
    /// The connection ends after this response, whether or not the head says so.
    package var closesAfterwards = false
    /// Whether the body's bytes count as bytes of a result.
    package var isResult = false

    package init(status: Int, fields: [HeaderField] = [], body: Body = .bytes([])) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// Bytes of the body before any framing.
    package var bodyLength: Int64 {
        switch body {
        case .bytes(let bytes): Int64(bytes.count)
        case .content(_, let range): Int64(range.count)
        }
    }

    /// Status line and fields as they are written, with the empty line that ends them.
    package var headBytes: [UInt8] {
        var bytes = Array("HTTP/1.1 \(status) \(HTTPStatus.reason(status))\r\n".utf8)
        for field in fields { bytes += Array("\(field.name): ".utf8) + field.value + Array("\r\n".utf8) }
        return bytes + Array("\r\n".utf8)
    }
}
