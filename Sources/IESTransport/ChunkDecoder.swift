// SPDX-License-Identifier: Apache-2.0

/// Finds the data in a chunked body (RFC 9112 section 7.1), however it is cut into pieces.
///
/// libcurl's own decoder takes `0x10` for a size of 0, hence for the end of the body, so libcurl is told to hand the
/// chunks over as they are. It still watches them for the end of the body.
///
/// A value: a copy made before `next` takes back what `next` did.
struct ChunkDecoder {
    struct Malformed: Error, Hashable { let reason: String }

    private enum Expected {
        case size(digits: Int)
        case extensions
        case lineEnd
        case data
        case dataReturn
        case dataLineEnd
        case trailer
        case trailerName
        case trailerValue
        case trailerLineEnd
        case lastLineEnd
        case nothing
    }

    /// One chunk's extensions, and all trailers together, in bytes: both are dropped, so they need not be long.
    private static let limit = 4096

    private var expected = Expected.size(digits: 0)
    private var remaining: Int64 = 0
    private var dropped = 0

    /// Whether the whole body was seen, trailers included.
    var isComplete: Bool {
        if case .nothing = expected { true } else { false }
    }

    /// Goes on to the next data.
    ///
    /// - Parameter position: Where to begin in `bytes`; moved past what was looked at, and past the data found.
    /// - Returns: Where in `bytes` the next data are; nil when there are no more. Bytes after the body's end are ignored.
    mutating func next(in bytes: RawSpan, from position: inout Int) throws(Malformed) -> Range<Int>? {
        while position < bytes.byteCount {
            if case .data = expected {
                let count = Int(min(remaining, Int64(bytes.byteCount - position)))
                defer { position += count }
                remaining -= Int64(count)
                if remaining == 0 { expected = .dataReturn }
                return position..<position + count
            }
            if case .nothing = expected { return nil }
            try take(bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
            position += 1
        }
        return nil
    }

    private mutating func take(_ byte: UInt8) throws(Malformed) {
        switch expected {
        case .size(let digits): try takeSize(byte, after: digits)
        case .extensions:
            if byte == UInt8(ascii: "\r") { expected = .lineEnd } else { try drop(byte) }
        case .lineEnd:
            try require(byte, "\n")
            dropped = 0
            expected = remaining == 0 ? .trailer : .data
        case .dataReturn:
            try require(byte, "\r")
            expected = .dataLineEnd
        case .dataLineEnd:
            try require(byte, "\n")
            expected = .size(digits: 0)
        case .trailer:
            if byte == UInt8(ascii: "\r") {
                expected = .lastLineEnd
            } else {
                expected = .trailerName
                guard byte != UInt8(ascii: ":") else { throw Malformed(reason: "a trailer has no name") }
                try takeName(byte)
            }
        case .trailerName: try takeName(byte)
        case .trailerValue:
            if byte == UInt8(ascii: "\r") { expected = .trailerLineEnd } else { try drop(byte) }
        case .trailerLineEnd:
            try require(byte, "\n")
            expected = .trailer
        case .lastLineEnd:
            try require(byte, "\n")
            expected = .nothing
        case .data, .nothing: break
        }
    }

    private mutating func takeSize(_ byte: UInt8, after digits: Int) throws(Malformed) {
        let digit: UInt8? =
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        if let digit {
            // 16 digits, leading zeros included, as libcurl takes them.
            guard digits < 16, remaining <= Int64.max >> 4 else {
                throw Malformed(reason: "a chunk's size is too large")
            }
            remaining = remaining << 4 | Int64(digit)
            expected = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw Malformed(reason: "a chunk has no size") }
        switch byte {
        case UInt8(ascii: "\r"): expected = .lineEnd
        case UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t"): expected = .extensions
        default: throw Malformed(reason: "a chunk's size is not a number")
        }
    }

    private mutating func takeName(_ byte: UInt8) throws(Malformed) {
        if byte == UInt8(ascii: ":") {
            expected = .trailerValue
        } else {
            guard byte > UInt8(ascii: " "), byte < 0x7f else {
                throw Malformed(reason: "a trailer is not a header field")
            }
        }
        try drop(byte)
    }

    private mutating func drop(_ byte: UInt8) throws(Malformed) {
        guard byte >= UInt8(ascii: " ") || byte == UInt8(ascii: "\t") else {
            throw Malformed(reason: "a chunk's extension or a trailer has a control character")
        }
        dropped += 1
        guard dropped <= Self.limit else {
            throw Malformed(reason: "a chunk's extensions or the trailers are longer than \(Self.limit) bytes")
        }
    }

    private func require(_ byte: UInt8, _ wanted: Unicode.Scalar) throws(Malformed) {
        guard byte == UInt8(ascii: wanted) else { throw Malformed(reason: "a chunk is not ended by a line end") }
    }
}
