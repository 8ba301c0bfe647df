// SPDX-License-Identifier: Apache-2.0

/// A text that must not appear in a log, an error or an attribute: a key, a token.
///
/// Whatever prints it (interpolation, `dump`, a debugger's mirror) shows `<redacted>`. `reveal` is the only way
/// to the text.
package struct Secret: Sendable, Hashable {
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// Hands the text to `body`, which must not keep or print it.
    package func reveal<Outcome, Failure: Error>(
        _ body: (String) throws(Failure) -> Outcome
    ) throws(Failure) -> Outcome {
        try body(text)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
