// SPDX-License-Identifier: Apache-2.0

/// How much of a disk is left free.
package enum FreeSpace: Hashable, Sendable {
    /// 0 to 1.
    case part(Double)
    case bytes(Int64)

    func bytes(ofDisk total: Int64) -> Int64 {
        switch self {
        case .part(let part): Int64(Double(total) * min(max(part, 0), 1))
        case .bytes(let bytes): max(0, bytes)
        }
    }
}
