// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount
import SystemPackage

/// A mount of ours and its descriptor, as long as both last.
struct HeldMount: ~Copyable {
    let descriptor: Int32
    let path: FilePath
    /// What the mount table had there when it was made.
    private let record: MountRecord?

    init(_ request: MountRequest, at mountpoint: Mountpoint) throws(MountError) {
        descriptor = try Mounter.mount(request, at: mountpoint)
        path = mountpoint.path
        record = try? MountTable.current().mount(at: mountpoint.path)
    }

    deinit { close(descriptor) }

    /// Unmounts, unless somebody else did already; false if the mount is in use.
    func unmount(lazily: Bool) -> Bool {
        guard isMounted else { return true }
        do throws(MountError) {
            try Mounter.unmount(path, lazily: lazily)
            return true
        } catch {
            return error.reason != .busy
        }
    }

    /// Ends the connection: every request fails, those that wait and those to come.
    func disconnect() {
        // In the place of the device, so that closing twice cannot hit another descriptor.
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, descriptor)
        close(null)
    }

    func widenReadAhead() {
        guard CurrentUser.isRoot, isMounted else { return }
        // Without it reads are right, only slower.
        try? FuseConnection(at: path).setReadAhead()
    }

    /// Whether what is seen at the path is still this mount and not a later one.
    private var isMounted: Bool {
        guard let record, let now = try? MountTable.current().mount(at: path) else { return false }
        return now.id == record.id && now.device == record.device && now.isOurs
    }
}
