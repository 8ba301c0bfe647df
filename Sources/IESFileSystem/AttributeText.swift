// SPDX-License-Identifier: Apache-2.0

/// Text as the value of an extended attribute.
enum AttributeText {
    /// XATTR_SIZE_MAX of Linux.
    static let longestValue = 65_536

    /// The UTF-8 bytes of `text`, with control characters (C0, DEL, C1) as `\x0a`, cut before the character
    /// that would go beyond 64 KiB. All other bytes are as they were, so a message is the sender's own.
    static func value(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(text.utf8.count, longestValue))
        for scalar in text.unicodeScalars {
            let next =
                isControl(scalar) ? escape(scalar) : Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            guard bytes.count + next.count <= longestValue else { break }
            bytes.append(contentsOf: next)
        }
        return bytes
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
    }

    private static func escape(_ scalar: Unicode.Scalar) -> [UInt8] {
        let digits = String(scalar.value, radix: 16)
        return Array("\\x\(digits.count < 2 ? "0" : "")\(digits)".utf8)
    }
}
