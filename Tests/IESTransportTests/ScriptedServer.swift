// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A TCP server on loopback that does to each connection exactly what a script says.
///
/// Each connection has a thread of its own, so scripts may block.
final class ScriptedServer: Sendable {
    let port: Int
    private let listener: Int32
    private let accepts: Bool
    private let accepted = Mutex(0)

    var authority: String { "127.0.0.1:\(port)" }

    /// Connections accepted so far.
    var connections: Int { accepted.withLock { $0 } }

    init(backlog: Int32 = 128, accepts: Bool = true, _ script: @escaping @Sendable (ScriptedConnection) -> Void) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        precondition(listener >= 0)
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(listener, address, length) == 0)
                precondition(listen(listener, backlog) == 0)
                precondition(getsockname(listener, address, &length) == 0)
            }
        }
        self.listener = listener
        self.accepts = accepts
        port = Int(UInt16(bigEndian: address.sin_port))
        guard accepts else { return }
        onThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0, let self else {
                    // Closed here, so that no other descriptor can have got its number while it is waited for.
                    if descriptor >= 0 { close(descriptor) }
                    close(listener)
                    return
                }
                // A child process that keeps a connection open would hide that a script ends it.
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let number = self.accepted.withLock { count in
                    count += 1
                    return count
                }
                onThread {
                    let connection = ScriptedConnection(descriptor, number: number)
                    script(connection)
                    connection.close()
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        if !accepts { close(listener) }
    }

    /// Answers every request on every connection with the same bytes.
    static func answering(_ response: String) -> ScriptedServer {
        ScriptedServer { connection in
            while connection.readRequest() != nil { connection.send(response) }
        }
    }

    /// Sends these bytes after the first request and ends the connection.
    static func sendingOnce(_ response: [UInt8], thenResets: Bool = false) -> ScriptedServer {
        ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(response)
            if thenResets { connection.reset() }
        }
    }
}

final class ScriptedConnection {
    /// 1 for the first connection of the server.
    let number: Int
    private var descriptor: Int32

    init(_ descriptor: Int32, number: Int) {
        self.descriptor = descriptor
        self.number = number
    }

    /// Everything up to the empty line; nil when the peer has ended the connection.
    func readRequest() -> String? {
        var request: [UInt8] = []
        var byte: UInt8 = 0
        while !request.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
            request.append(byte)
        }
        return String(decoding: request, as: UTF8.self)
    }

    func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let taken = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
        return Array(bytes.prefix(max(0, taken)))
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Ends the connection by a reset instead of a clean end.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        close()
    }

    /// Says nothing until the peer has ended the connection.
    func beSilent() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) == 1 {}
    }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }
}

/// Sockets that are connected and never read, which fill a listener's queue.
final class Crowd: Sendable {
    private let descriptors: [Int32]

    init(of count: Int, at port: Int) {
        descriptors = (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = loopback(port: port)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return descriptor
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

private func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { context in
            Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(status == 0)
    pthread_detach(thread)
}
