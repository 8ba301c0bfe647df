// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import Testing

extension Tag {
    /// Needs /dev/fuse and root; starts `iesfs` as a child.
    @Tag static var mount: Self
}

/// A directory of one test's own.
struct Workshop: Sendable {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/iesfs-test.XXXXXX".utf8CString)
        guard let made = template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) else {
            throw Errno(rawValue: errno)
        }
        path = FilePath(String(cString: made))
        // Other users have to reach the mountpoint inside.
        chmod(path.string, 0o755)
    }

    func remove() async throws {
        try await shell("rm -rf --one-file-system \(quoted(path.string))")
    }

    subscript(_ name: String) -> FilePath { path.appending(name) }
}

/// The program under test: the `iesfs` built beside the test bundle.
let program: String = {
    if let given = getenv("IESFS_BINARY") { return String(cString: given) }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let runner = FilePath(buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    return runner.removingLastComponent().appending("iesfs").string
}()

/// Whether a real mount can be made here. With IESFS_REQUIRE_MOUNT a missing ability is a failure, not a skip.
let canMount: Bool = {
    let able = geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0
    precondition(able || getenv("IESFS_REQUIRE_MOUNT") == nil, "mount tests need root and /dev/fuse")
    return able
}()

/// A TCP port that was free a moment ago.
func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutableBytes(of: &address) { bytes in
        let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
        precondition(bind(descriptor, pointer, length) == 0)
        precondition(getsockname(descriptor, pointer, &length) == 0)
    }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// Asks again every 20 ms until `condition` holds or `seconds` have passed; returns whether it held.
func eventually(within seconds: Int = 10, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
}
