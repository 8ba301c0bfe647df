// SPDX-License-Identifier: Apache-2.0

enum Hexadecimal {
    static let lowerCaseDigits = Array("0123456789abcdef".utf8)
    static let upperCaseDigits = Array("0123456789ABCDEF".utf8)

    /// Lower case, two digits a byte.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            digits.append(lowerCaseDigits[Int(byte >> 4)])
            digits.append(lowerCaseDigits[Int(byte & 15)])
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The value of one digit, in either case.
    static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
