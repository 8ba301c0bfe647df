// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A Unix datagram socket connected to a receiver on this machine, open as long as the process lives.
struct DatagramSocket: Sendable {
    private let descriptor: Int32

    /// Nil if nothing receives there. A path that starts with `@` names an abstract socket.
    init?(connectedTo path: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        guard let (address, length) = Self.address(of: path), Self.connect(descriptor, to: address, length) else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    /// Never waits; returns whether the receiver had room.
    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) >= 0
    }

    private static func address(of path: String) -> (sockaddr_un, socklen_t)? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { field in
            guard !bytes.isEmpty, bytes.count < field.count else { return false }
            field.copyBytes(from: bytes)
            return true
        }
        guard fits, let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) else { return nil }
        // An abstract name is all its bytes; a path ends at its NUL.
        return (address, socklen_t(offset + bytes.count + (isAbstract ? 0 : 1)))
    }

    private static func connect(_ descriptor: Int32, to address: sockaddr_un, _ length: socklen_t) -> Bool {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) == 0 }
        }
    }
}
