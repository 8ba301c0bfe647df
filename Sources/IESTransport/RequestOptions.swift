// SPDX-License-Identifier: Apache-2.0

import CCurl
import Glibc
import HTTPTypes
import IESService
import SystemPackage

/// Tells an easy handle what to send, and how.
struct RequestOptions {
    /// libcurl 7.88 reads this much from a socket at once, and no more whatever is asked. Against 100 KiB, what the
    /// curl program takes, a third fewer processor seconds for each GiB.
    private static let bufferSize = 512 << 10

    let settings: CurlSettings
    let request: TransportRequest

    /// - Returns: The fields to send, which must live until the transfer has ended.
    func apply(to handle: borrowing EasyHandle) throws(TransportError) -> FieldList {
        try checkTarget()
        let fields = fieldList()
        do throws(CurlFailure) {
            try setConnection(handle)
            try setRequest(handle)
            try handle.setFields(fields)
        } catch {
            throw .other(error.text)
        }
        return fields
    }

    /// libcurl would take a URL apart and cut it short at such characters.
    private func checkTarget() throws(TransportError) {
        let isPlain = { (byte: UInt8) in byte > UInt8(ascii: " ") && byte < 0x7f && byte != UInt8(ascii: "#") }
        guard let path = request.head.path, path.hasPrefix("/"), path.utf8.allSatisfy(isPlain),
            let authority = request.head.authority, !authority.isEmpty,
            authority.utf8.allSatisfy({ isPlain($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }),
            let scheme = request.head.scheme, scheme == "http" || scheme == "https"
        else { throw .other("the request has no usable URL") }
    }

    private func setConnection(_ handle: borrowing EasyHandle) throws(CurlFailure) {
        try handle.set(.protocols, "http,https")
        try handle.set(.noSignals, true)
        // Without it, giving up a name that is being resolved waits for the resolver.
        try handle.set(.quitsWithoutWaiting, true)
        try handle.set(.sendsAtOnce, true)
        try handle.set(.keepsAlive, true)
        try handle.set(.keepAliveIdleSeconds, 30)
        try handle.set(.keepAliveIntervalSeconds, 15)
        try handle.set(.bufferSize, Self.bufferSize)
        try handle.set(.tlsVersion, Int(CURL_SSLVERSION_TLSv1_2))
        // Our own deadline ends the exchange; libcurl is told so that it shares the time among several addresses.
        let connect = min(request.connectTimeout, request.stallTimeout)
        try handle.set(.connectMilliseconds, max(1, Int(clamping: Int64(connect / .milliseconds(1)))))
        // An empty text: none, not even that of the environment.
        if let proxy = request.avoidsProxy ? "" : settings.proxy { try handle.set(.proxy, proxy) }
        if let file = settings.caFile {
            try handle.set(.caFile, file.string)
            try handle.set(.proxyCAFile, file.string)
        }
        // libcurl 7.88 lets a child process inherit its sockets.
        try handle.setOpenSocket { _, _, address in
            guard let address else { return -1 }
            return socket(
                address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue),
                address.pointee.protocol)
        }
    }

    private func setRequest(_ handle: borrowing EasyHandle) throws(CurlFailure) {
        let scheme = request.head.scheme ?? "https"
        let path = request.head.path ?? "/"
        try handle.set(.url, "\(scheme)://\(request.head.authority ?? "")\(path)")
        try handle.set(.keepsPathAsIs, true)
        // A proxy of plain HTTP gets the whole URL instead, which libcurl puts together.
        if scheme == "https" { try handle.set(.requestTarget, path) }
        try handle.set(.disallowsUserInURL, true)
        try handle.set(.followsRedirects, false)
        try handle.set(.allowsHTTP09, false)
        try handle.set(.decodesContent, false)
        try handle.set(.decodesTransfer, false)
        try handle.set(.suppressesConnectHeads, true)
        try handle.set(.headerOptions, Int(CURLHEADER_SEPARATE))
        // 2TLS: never the upgrade of a plain connection, which adds fields.
        try handle.set(
            .httpVersion, Int(request.requiresHTTP1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS))
        if let agent = settings.userAgent { try handle.set(.userAgent, agent) }
        switch request.head.method {
        case .get where request.body.isEmpty:
            break
        case .head:
            try handle.set(.hasNoBody, true)
        case let method:
            try handle.set(.post, true)
            try handle.setBody(request.body)
            if method != .post { try handle.set(.customMethod, method.rawValue) }
        }
    }

    private func fieldList() -> FieldList {
        var list = FieldList()
        list.append("Host: \(request.head.authority ?? "")")
        // What libcurl would add by itself is left out by a name without a value.
        for name in [HTTPField.Name.accept, .expect, .contentType] where !request.head.headerFields.contains(name) {
            list.append("\(name.rawName):")
        }
        for field in request.head.headerFields where !Self.ownFields.contains(field.name) {
            list.append(field.value.isEmpty ? "\(field.name.rawName);" : "\(field.name.rawName): \(field.value)")
        }
        return list
    }

    /// They follow from the authority and the body.
    private static let ownFields: Set<HTTPField.Name> = {
        var names: Set<HTTPField.Name> = [.contentLength, .transferEncoding]
        if let host = HTTPField.Name("Host") { names.insert(host) }
        return names
    }()
}
