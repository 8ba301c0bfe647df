// SPDX-License-Identifier: Apache-2.0

import Glibc

enum StandardError {
    /// Writes one line.
    static func write(_ line: String) { put(line + "\n", STDERR_FILENO) }

    /// Writes text as it is, for a terminal.
    static func writeRaw(_ text: String) { put(text, STDERR_FILENO) }
}

enum StandardOutput {
    /// Writes text as it is, at once.
    static func write(_ text: String) { put(text, STDOUT_FILENO) }
}

private func put(_ text: String, _ descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        // A reader that has gone is nobody to tell.
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
