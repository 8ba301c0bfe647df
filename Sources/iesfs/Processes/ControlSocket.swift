// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// One end of a connection between two of our processes. That the other process has gone shows as its end.
struct ControlSocket: Sendable {
    enum Reception: Hashable, Sendable {
        case message(ControlMessage)
        /// Nothing to be read now, or something not understood.
        case nothing
        case ended
    }

    /// The most bytes of a message; a longer text is cut.
    static let limit = 16_384

    let descriptor: Int32

    /// Both ends, close-on-exec. Packets keep messages apart.
    static func pair() throws(ProgramError) -> (ControlSocket, ControlSocket) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw ProgramError("no socket for the child process: \(CurrentError.text)")
        }
        return (ControlSocket(descriptor: ends[0]), ControlSocket(descriptor: ends[1]))
    }

    /// That nobody listens any more is not an error: there is nobody to tell.
    func send(_ message: ControlMessage) {
        let bytes = Array(message.encoded.prefix(Self.limit))
        while Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0, errno == EINTR {}
    }

    /// The next message.
    ///
    /// - Parameter waits: Whether to wait for one.
    func receive(waits: Bool) -> Reception {
        var buffer = [UInt8](repeating: 0, count: Self.limit)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
            if count > 0 { return ControlMessage(buffer[..<count]).map { .message($0) } ?? .nothing }
            if count == 0 { return .ended }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .nothing
            default: return .ended
            }
        }
    }

    func close() { Glibc.close(descriptor) }
}
