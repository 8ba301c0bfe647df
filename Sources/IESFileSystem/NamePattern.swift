// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A name, or a pattern of the shell's kind (glob(7)) that names are compared with.
package struct NamePattern: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Whether it can stand for more than one name.
    package var isGlob: Bool { text.contains { "*?[".contains($0) } }

    package func matches(_ name: String) -> Bool {
        isGlob ? unsafe fnmatch(text, name, FNM_PERIOD) == 0 : text == name
    }
}
