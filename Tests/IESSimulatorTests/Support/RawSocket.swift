// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A plain TCP client: what it sees is what was on the wire.
struct RawSocket: Sendable {
    enum End: Sendable, Hashable { case closed, reset }

    struct Failure: Error { let code: Int32 }

    /// Sends `request`, then reads to the end of the connection.
    static func exchange(port: Int, _ request: String) async throws -> (bytes: [UInt8], end: End) {
        try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: those of the global queue run the tasks that are to answer.
            Thread.detachNewThread {
                continuation.resume(with: Result { try blockingExchange(port: port, request) })
            }
        }
    }

    /// `GET` of a path, with the connection closed by the server afterwards.
    static func get(
        port: Int, _ path: String, fields: [String] = [], closes: Bool = true
    ) async throws -> (bytes: [UInt8], end: End) {
        let lines =
            ["GET \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)"] + fields + (closes ? ["Connection: close"] : [])
        return try await exchange(port: port, lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    private static func blockingExchange(port: Int, _ request: String) throws -> (bytes: [UInt8], end: End) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure(code: errno) }
        let bytes = Array(request.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Failure(code: errno)
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 { received += buffer[..<count] }
            if count == 0 { return (received, .closed) }
            if count < 0 {
                guard errno == ECONNRESET else { throw Failure(code: errno) }
                return (received, .reset)
            }
        }
    }
}
