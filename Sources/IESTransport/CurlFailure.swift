// SPDX-License-Identifier: Apache-2.0

import CCurl

/// What libcurl says of a call or a transfer that failed.
struct CurlFailure: Error {
    let code: CURLcode
    /// errno of the socket call behind it; 0 when there is none, or when it is not known.
    var systemError: Int32 = 0
    /// What a proxy answered to CONNECT; 0 when none was asked.
    var connectStatus = 0
    /// libcurl's own sentence for this case. It names hosts, never header fields or queries.
    var text: String

    init(_ code: CURLcode) {
        self.code = code
        text = String(cString: curl_easy_strerror(code))
    }

    static func check(_ code: CURLcode) throws(CurlFailure) {
        guard code == CURLE_OK else { throw CurlFailure(code) }
    }
}
