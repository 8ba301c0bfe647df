// SPDX-License-Identifier: Apache-2.0

import CCurl

/// One libcurl easy handle, freed with its owner.
///
/// libcurl copies every string option, so nothing has to outlive `set`.
struct EasyHandle: ~Copyable {
    let pointer: OpaquePointer
    private let errorText: UnsafeMutablePointer<CChar>

    init() {
        guard let pointer = curl_easy_init() else { preconditionFailure("libcurl is out of memory") }
        self.pointer = pointer
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(pointer)
        errorText.deallocate()
    }

    /// Forgets every option. Connections, which belong to the multi handle, and TLS sessions are kept.
    func reset() {
        curl_easy_reset(pointer)
        errorText[0] = 0
    }

    func set(_ option: EasyOption<Int>, _ value: Int) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_long(pointer, option.code, value))
    }

    func set(_ option: EasyOption<Bool>, _ value: Bool) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_long(pointer, option.code, value ? 1 : 0))
    }

    func set(_ option: EasyOption<String>, _ value: String) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_string(pointer, option.code, value))
    }

    /// - Parameter fields: Must live until the transfer has ended: libcurl keeps the pointer.
    func setFields(_ fields: borrowing FieldList) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_list(pointer, CURLOPT_HTTPHEADER, fields.head))
    }

    /// Takes a copy of `body`.
    func setBody(_ body: [UInt8]) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_offset(pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
        let code = body.withUnsafeBytes { bytes in
            // Without a pointer libcurl would ask a read callback for the body; nil stands for an empty one too.
            withUnsafeBytes(of: 0 as UInt8) { empty in
                let start = bytes.baseAddress ?? empty.baseAddress
                return ies_curl_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: start))
            }
        }
        try CurlFailure.check(code)
    }

    /// - Parameter context: What the callbacks get; must live until the transfer has ended.
    func setCallbacks(
        _ context: UnsafeMutableRawPointer, ready: curl_prereq_callback, head: curl_write_callback,
        body: curl_write_callback
    ) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_pointer(pointer, CURLOPT_PREREQDATA, context))
        try CurlFailure.check(ies_curl_set_ready_callback(pointer, ready))
        try CurlFailure.check(ies_curl_set_pointer(pointer, CURLOPT_HEADERDATA, context))
        try CurlFailure.check(ies_curl_set_write_callback(pointer, CURLOPT_HEADERFUNCTION, head))
        try CurlFailure.check(ies_curl_set_pointer(pointer, CURLOPT_WRITEDATA, context))
        try CurlFailure.check(ies_curl_set_write_callback(pointer, CURLOPT_WRITEFUNCTION, body))
        try CurlFailure.check(ies_curl_set_pointer(pointer, CURLOPT_ERRORBUFFER, errorText))
    }

    func setOpenSocket(_ callback: curl_opensocket_callback) throws(CurlFailure) {
        try CurlFailure.check(ies_curl_set_socket_callback(pointer, callback))
    }

    /// Lets libcurl hand over what it held back, before this returns, and read on.
    func resume() throws(CurlFailure) {
        try CurlFailure.check(curl_easy_pause(pointer, CURLPAUSE_CONT))
    }

    /// 0 where libcurl has no value.
    func get(_ info: CURLINFO) -> Int {
        var value = 0
        guard ies_curl_get_long(pointer, info, &value) == CURLE_OK else { return 0 }
        return value
    }

    /// `code` with all that libcurl adds to it.
    func failure(_ code: CURLcode) -> CurlFailure {
        var failure = CurlFailure(code)
        failure.systemError = Int32(truncatingIfNeeded: get(CURLINFO_OS_ERRNO))
        failure.connectStatus = get(CURLINFO_HTTP_CONNECTCODE)
        let text = String(cString: errorText)
        if !text.isEmpty { failure.text = text }
        return failure
    }
}

/// Header fields to send, in order, as libcurl takes them.
struct FieldList: ~Copyable {
    private(set) var head: UnsafeMutablePointer<curl_slist>?

    init() {}

    deinit { curl_slist_free_all(head) }

    mutating func append(_ line: String) {
        guard let longer = curl_slist_append(head, line) else { preconditionFailure("libcurl is out of memory") }
        head = longer
    }
}
