// SPDX-License-Identifier: Apache-2.0

/// Keeps a body whose length is told only by its end. Discarded with the object unless finished.
/// Used by one thread at a time.
package final class Spool: Sendable {
    package let key: ResultKey

    init(key: ResultKey) { self.key = key }

    /// Bytes taken so far.
    package var count: Int64 { preconditionFailure("TODO") }

    /// Takes the next bytes. Throws `CacheError.tooLarge` once they exceed the cache's limit.
    package func append(_ bytes: RawSpan) throws(CacheError) { preconditionFailure("TODO") }

    /// The body has ended: records it, complete and verified, as the next version of its key. Once only.
    package func finish(_ details: ResultDetails) throws(CacheError) -> (ResultRecord, CacheFile) {
        preconditionFailure("TODO")
    }
}
