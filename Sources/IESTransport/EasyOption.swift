// SPDX-License-Identifier: Apache-2.0

import CCurl

/// An option of an easy handle, with the type of its value.
struct EasyOption<Value>: Sendable {
    let code: CURLoption

    init(_ code: CURLoption) { self.code = code }
}

extension EasyOption<String> {
    static var caFile: Self { .init(CURLOPT_CAINFO) }
    static var customMethod: Self { .init(CURLOPT_CUSTOMREQUEST) }
    static var protocols: Self { .init(CURLOPT_PROTOCOLS_STR) }
    static var proxy: Self { .init(CURLOPT_PROXY) }
    static var proxyCAFile: Self { .init(CURLOPT_PROXY_CAINFO) }
    static var requestTarget: Self { .init(CURLOPT_REQUEST_TARGET) }
    static var url: Self { .init(CURLOPT_URL) }
    static var userAgent: Self { .init(CURLOPT_USERAGENT) }
}

extension EasyOption<Int> {
    static var bufferSize: Self { .init(CURLOPT_BUFFERSIZE) }
    static var connectMilliseconds: Self { .init(CURLOPT_CONNECTTIMEOUT_MS) }
    static var headerOptions: Self { .init(CURLOPT_HEADEROPT) }
    static var httpVersion: Self { .init(CURLOPT_HTTP_VERSION) }
    static var keepAliveIdleSeconds: Self { .init(CURLOPT_TCP_KEEPIDLE) }
    static var keepAliveIntervalSeconds: Self { .init(CURLOPT_TCP_KEEPINTVL) }
    static var tlsVersion: Self { .init(CURLOPT_SSLVERSION) }
}

extension EasyOption<Bool> {
    static var allowsHTTP09: Self { .init(CURLOPT_HTTP09_ALLOWED) }
    static var connectsAnew: Self { .init(CURLOPT_FRESH_CONNECT) }
    static var decodesContent: Self { .init(CURLOPT_HTTP_CONTENT_DECODING) }
    static var decodesTransfer: Self { .init(CURLOPT_HTTP_TRANSFER_DECODING) }
    static var disallowsUserInURL: Self { .init(CURLOPT_DISALLOW_USERNAME_IN_URL) }
    static var followsRedirects: Self { .init(CURLOPT_FOLLOWLOCATION) }
    static var hasNoBody: Self { .init(CURLOPT_NOBODY) }
    static var keepsAlive: Self { .init(CURLOPT_TCP_KEEPALIVE) }
    static var keepsPathAsIs: Self { .init(CURLOPT_PATH_AS_IS) }
    static var noSignals: Self { .init(CURLOPT_NOSIGNAL) }
    static var post: Self { .init(CURLOPT_POST) }
    static var quitsWithoutWaiting: Self { .init(CURLOPT_QUICK_EXIT) }
    static var sendsAtOnce: Self { .init(CURLOPT_TCP_NODELAY) }
    static var suppressesConnectHeads: Self { .init(CURLOPT_SUPPRESS_CONNECT_HEADERS) }
}
