// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One address of a host, with a port.
struct HostAddress: Hashable, Sendable {
    /// Numeric.
    let text: String
    private let bytes: [UInt8]

    struct LookUpError: Error, Hashable, Sendable {
        let text: String
    }

    /// As the machine's resolver has them, in its order. Waits for it.
    ///
    /// - Parameter host: A name or an address, which may have brackets.
    static func all(of host: String, port: UInt16) -> Result<[HostAddress], LookUpError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let code = getaddrinfo(name, "\(port)", &hints, &list)
        guard code == 0 else { return .failure(LookUpError(text: String(cString: gai_strerror(code)))) }
        defer { freeaddrinfo(list) }
        var addresses: [HostAddress] = []
        var next = list
        while let entry = next {
            if let address = HostAddress(entry.pointee) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        return .success(addresses)
    }

    private init?(_ entry: addrinfo) {
        guard let address = entry.ai_addr else { return nil }
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let flags = NI_NUMERICHOST
        guard getnameinfo(address, entry.ai_addrlen, &name, socklen_t(name.count), nil, 0, flags) == 0 else {
            return nil
        }
        text = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
    }

    /// Makes a connection and drops it.
    ///
    /// - Returns: Why there was none, as errno (ETIMEDOUT after `limit`); 0: there was.
    func connect(within limit: Duration) -> Int32 {
        bytes.withUnsafeBytes { raw in
            let address = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let descriptor = socket(Int32(address.pointee.sa_family), kind, 0)
            guard descriptor >= 0 else { return errno }
            defer { close(descriptor) }
            if Glibc.connect(descriptor, address, socklen_t(raw.count)) == 0 { return 0 }
            guard errno == EINPROGRESS else { return errno }
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&polled, 1, Int32(limit / .milliseconds(1))) > 0 else { return ETIMEDOUT }
            var failure: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 else { return errno }
            return failure
        }
    }
}
