// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Writes a file whole.
func write(
    _ bytes: some Sequence<UInt8>, to path: FilePath,
    permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
) throws {
    let descriptor = try FileDescriptor.open(path, .writeOnly, options: [.create, .truncate], permissions: permissions)
    _ = try descriptor.closeAfter { try descriptor.writeAll(bytes) }
}
