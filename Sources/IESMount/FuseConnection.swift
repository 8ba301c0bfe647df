// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// The kernel's side of a mount, reached by its device number and never through the mount itself.
package struct FuseConnection: Hashable, Sendable {
    let device: MountRecord.Device

    init(_ record: MountRecord) { device = record.device }

    /// The connection of the iesfs mount at `path`.
    package init(at path: FilePath) throws(MountError) {
        guard let record = try MountTable.current().mount(at: path), record.isOurs else {
            throw MountError(.notMounted, "No iesfs is mounted at \(path).")
        }
        self.init(record)
    }

    private var control: FilePath { FilePath("/sys/fs/fuse/connections/\(device.minor)") }

    /// Fails every request that waits and all that come: the mount is dead afterwards. Root and its owner may.
    package func abort() throws(MountError) {
        do {
            try write("1", to: control.appending("abort"))
        } catch {
            let hint =
                (error as? Errno) == .noSuchFileOrDirectory
                ? " Mount the control file system first: mount -t fusectl none /sys/fs/fuse/connections" : ""
            throw MountError(.failed, "The connection cannot be aborted through \(control)/abort: \(error).\(hint)")
        }
    }

    /// How many requests the kernel has that were not answered; nil where fusectl is not mounted.
    package var waiting: Int? {
        guard let text = try? contents(of: control.appending("waiting")) else { return nil }
        return Int(String(decoding: text, as: UTF8.self).trimmingSuffix(while: \.isWhitespace))
    }

    /// Widens the kernel's read-ahead, once INIT was answered; only root may.
    ///
    /// - Parameter kibibytes: 512 by default: with the kernel's 128, replies from user space were held at 0.6 GB/s,
    ///   with 512 at 1.8, and more than 1024 was slower (measured).
    package func setReadAhead(kibibytes: Int = 512) throws(Errno) {
        do {
            try write("\(kibibytes)", to: FilePath("/sys/class/bdi/\(device.major):\(device.minor)/read_ahead_kb"))
        } catch {
            throw (error as? Errno) ?? .ioError
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
        String(self[..<(lastIndex { !predicate($0) }.map(index(after:)) ?? startIndex)])
    }
}
