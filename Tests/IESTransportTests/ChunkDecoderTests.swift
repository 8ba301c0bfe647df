// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESTransport

@Suite struct ChunkDecoderTests {
    /// Decodes `body`, cut into pieces of `size` bytes.
    private func decode(_ body: [UInt8], pieces size: Int) throws -> (data: [UInt8], isComplete: Bool) {
        var decoder = ChunkDecoder()
        var data: [UInt8] = []
        var rest = body[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            var position = 0
            while let range = try decoder.next(in: piece.span.bytes, from: &position) { data += piece[range] }
        }
        return (data, decoder.isComplete)
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 10_000])
    func `the data are the same however the body is cut`(_ size: Int) throws {
        // RFC 9112 section 7.1's syntax, with an extension, a leading zero, both cases, and trailers.
        let body = "4\r\nWiki\r\n07;a=\"b\"\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\nExpires: now\r\nX:\r\n\r\nNEXT"
        let (data, isComplete) = try decode(Array(body.utf8), pieces: size)
        #expect(String(decoding: data, as: UTF8.self) == "Wikipedia in \r\nchunks.")
        #expect(isComplete)
    }

    @Test func `a copy takes back what was done since`() throws {
        let body = Array("5\r\nhello\r\n0\r\n\r\n".utf8)
        var decoder = ChunkDecoder()
        let before = decoder
        var position = 0
        #expect(try decoder.next(in: body.span.bytes, from: &position) == 3..<8)
        decoder = before
        position = 0
        #expect(try decoder.next(in: body.span.bytes, from: &position) == 3..<8)
        #expect(try decoder.next(in: body.span.bytes, from: &position) == nil)
        #expect(decoder.isComplete)
    }

    @Test func `the largest size is Int64_max`() throws {
        var decoder = ChunkDecoder()
        var position = 0
        let body = Array("7fffffffffffffff\r\nx".utf8)
        #expect(try decoder.next(in: body.span.bytes, from: &position) == 18..<19)
        #expect(throws: ChunkDecoder.Malformed.self) { try decode(Array("8000000000000000\r\nx".utf8), pieces: 1) }
    }
}
