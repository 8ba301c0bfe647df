// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// What `/etc/fuse.conf` allows ordinary users, by the rules of fusermount3(1).
package struct FuseConfiguration: Hashable, Sendable {
    package static let path = "/etc/fuse.conf"

    /// Ordinary users may let others in.
    package var allowsOthers = false

    /// Reads the text of the file: `user_allow_other` counts only on a line by itself that has its end.
    init(parsing text: [UInt8]) {
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            let content = line.prefix { $0 != UInt8(ascii: "#") }
            let words = content.split { [0x20, 0x09, 0x0d].contains($0) }
            if words.count == 1, words[0].elementsEqual("user_allow_other".utf8) { allowsOthers = true }
        }
    }

    /// Without the file nothing is allowed.
    package static func current() -> FuseConfiguration {
        FuseConfiguration(parsing: (try? contents(of: FilePath(Self.path))) ?? [])
    }
}
