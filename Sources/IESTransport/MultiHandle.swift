// SPDX-License-Identifier: Apache-2.0

import CCurl

/// A libcurl multi handle: the transfers under way, and the connections kept between them.
///
/// `@unchecked Sendable`: libcurl lets any thread call `curl_multi_wakeup`; everything else is called by the
/// event loop's thread only, and the last owner frees the handle when that thread uses it no more.
final class MultiHandle: @unchecked Sendable {
    private let pointer: OpaquePointer

    init(idleConnections: Int) {
        guard let pointer = curl_multi_init() else { preconditionFailure("libcurl is out of memory") }
        self.pointer = pointer
        check(ies_curl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, idleConnections))
    }

    deinit { curl_multi_cleanup(pointer) }

    /// Ends the present `wait`, or the next one if none is under way. From any thread.
    func wake() {
        check(curl_multi_wakeup(pointer))
    }

    func add(_ handle: borrowing EasyHandle) {
        check(curl_multi_add_handle(pointer, handle.pointer))
    }

    /// Ends the transfer if it has not ended by itself, without waiting for anything.
    func remove(_ handle: borrowing EasyHandle) {
        check(curl_multi_remove_handle(pointer, handle.pointer))
    }

    /// Does what can be done without waiting, callbacks included.
    func perform() {
        var running: Int32 = 0
        check(curl_multi_perform(pointer, &running))
    }

    /// The next transfer that has ended by itself.
    func nextEnded() -> (handle: OpaquePointer, code: CURLcode)? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(pointer, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            return (message.pointee.easy_handle, message.pointee.data.result)
        }
        return nil
    }

    /// Waits for the network, a wake-up, a timer of libcurl's, or `milliseconds`.
    func wait(milliseconds: Int32) {
        check(curl_multi_poll(pointer, nil, 0, milliseconds, nil))
    }

    /// Every code of the multi interface but CURLM_OK says that we misused it, or that memory is out.
    private func check(_ code: CURLMcode) {
        guard code == CURLM_OK else {
            preconditionFailure("libcurl's multi interface: \(String(cString: curl_multi_strerror(code)))")
        }
    }
}
