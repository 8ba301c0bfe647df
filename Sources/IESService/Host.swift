// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The host of a URL: a name, an IPv4 address or an IPv6 address in brackets.
enum Host {
    /// The host in lower case; nil if no URL should have it (empty, other characters, bad brackets, a zone).
    static func normal(_ text: some StringProtocol) -> String? {
        let lower = text.lowercased()
        guard lower.utf8.count <= 253 else { return nil }
        if lower.hasPrefix("[") {
            guard lower.hasSuffix("]"), ipv6(lower) != nil else { return nil }
            return lower
        }
        let labels = lower.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(isLabel) else { return nil }
        return lower
    }

    /// `localhost`, 127.0.0.0/8 in four decimal parts, `[::1]`. Other spellings (`127.1`, `0x7f000001`) are not taken
    /// for this machine, since resolvers differ about them.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        if let address = ipv6(host) { return address == [UInt8](repeating: 0, count: 15) + [1] }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy(isDecimalByte)
    }

    private static func isDecimalByte(_ text: Substring) -> Bool {
        guard let value = DecimalDigits.value(text), value <= 255 else { return false }
        return String(value) == text
    }

    private static func isLabel(_ label: Substring) -> Bool {
        guard (1...63).contains(label.utf8.count) else { return false }
        return label.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// The 16 bytes of an address in brackets.
    private static func ipv6(_ host: String) -> [UInt8]? {
        guard host.hasPrefix("["), host.hasSuffix("]") else { return nil }
        var address = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else { return nil }
        return address
    }
}
