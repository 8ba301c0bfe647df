// SPDX-License-Identifier: Apache-2.0

import CCurl
import Glibc
import IESService

extension TransportError {
    /// What was known of an exchange when libcurl gave it up.
    struct Circumstances {
        /// Host and port as requested.
        var authority: String
        var isSecure: Bool
        var phase: Phase
        /// Bytes of the body the receiver has taken.
        var received: Int64
        /// The connection had carried another exchange before.
        var isReused = false

        /// The authority without a port; names only, since addresses need no resolving.
        var host: String { String(authority.prefix { $0 != ":" }) }
    }

    /// The one place where libcurl's codes get their meaning.
    init(_ failure: CurlFailure, in circumstances: Circumstances) {
        let peer = circumstances.authority
        switch failure.code {
        case CURLE_COULDNT_RESOLVE_HOST:
            self = .nameNotResolved(host: circumstances.host)
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY:
            self = .proxy(failure.text)
        case CURLE_COULDNT_CONNECT:
            self = Self.connecting(failure, in: circumstances)
        case CURLE_OPERATION_TIMEDOUT:
            self = .timedOut(circumstances.phase)
        case CURLE_GOT_NOTHING:
            self = .connectionReset("\(peer) closed the connection without an answer")
        case CURLE_PARTIAL_FILE where circumstances.phase == .body:
            self = .bodyCutShort(received: circumstances.received)
        case CURLE_PARTIAL_FILE:
            self = .connectionReset("\(peer) closed the connection within the header")
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            self = Self.broken(failure, in: circumstances)
        case CURLE_HTTP2_STREAM:
            self = .connectionReset("\(peer) gave up the stream: \(failure.text)")
        case CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2, CURLE_TOO_MANY_REDIRECTS, CURLE_BAD_CONTENT_ENCODING:
            self = .malformedResponse(failure.text)
        // Bytes after the end of the last response come to light as the start of this one, which was not read at all.
        case CURLE_UNSUPPORTED_PROTOCOL where circumstances.phase == .response && circumstances.isReused:
            self = .connectionReset("\(peer) had sent more than its last response")
        // What libcurl answers to a status line it does not know (HTTP/0.9 included).
        case CURLE_UNSUPPORTED_PROTOCOL where circumstances.phase != .connect:
            self = .malformedResponse("the response has no valid status line")
        // A single line of 1 MiB is more than libcurl puts together.
        case CURLE_OUT_OF_MEMORY where circumstances.phase == .response:
            self = .malformedResponse("the header is larger than \(HeadReader.limit) bytes")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_SHUTDOWN_FAILED,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED:
            self = .tls(failure.text)
        default:
            self = .other(failure.text)
        }
    }

    private static func connecting(_ failure: CurlFailure, in circumstances: Circumstances) -> Self {
        switch failure.systemError {
        case ECONNREFUSED: .connectionRefused(failure.text)
        case ECONNRESET: .connectionReset(failure.text)
        case ETIMEDOUT: .timedOut(.connect)
        // EACCES and EPERM are what a local firewall answers; EADDRNOTAVAIL a host without IPv6.
        default: .unreachable(failure.text)
        }
    }

    private static func broken(_ failure: CurlFailure, in circumstances: Circumstances) -> Self {
        if failure.connectStatus != 0, failure.connectStatus / 100 != 2 {
            return .proxy("the proxy answered \(failure.connectStatus)")
        }
        let peer = circumstances.authority
        switch failure.systemError {
        case ECONNRESET, EPIPE, ECONNABORTED:
            return .connectionReset("\(peer) reset the connection")
        case ETIMEDOUT:
            return .timedOut(circumstances.phase)
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN:
            return .unreachable(peer)
        default:
            break
        }
        // TLS that ends without saying so is as good as a reset.
        if circumstances.isSecure || circumstances.phase == .connect || failure.code == CURLE_SEND_ERROR {
            return .connectionReset("\(peer): \(failure.text)")
        }
        return .malformedResponse(failure.text)
    }
}
