// SPDX-License-Identifier: Apache-2.0

import IESCache

/// The data file, for a kernel that reads it by itself.
extension FetchedResult {
    /// Whether it will change no more: every block is held, verified in this run and on the disk. Never waits.
    package var isSettled: Bool { file.isSettled }

    /// Has it settled in the background, if every block is held.
    package func settle() { file.settle() }

    /// Keeps the data file as it is until `unpin`; false unless it is settled.
    package func pin() -> Bool { file.pin() }

    package func unpin() { file.unpin() }

    /// Calls `body` with a descriptor for reading that is open during the call only; nil where there cannot be one.
    package func withReadingDescriptor<Value>(_ body: (Int32) -> Value) -> Value? { file.withReadingDescriptor(body) }
}
