// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// File systems of their own for a cache directory: one that can be filled, and one on a disk that fails on request.
///
/// What waits for a command does so on a thread of its own: the pool's are few.
/// Its variables are set before anyone else has it, so that it may be sent.
final class SmallDisk: @unchecked Sendable {
    enum Mode: String { case ok, eio, eioRead = "eio-read", eioWrite = "eio-write", stall }

    /// Where the file system is mounted.
    let path: String
    private let directory: String
    private var device: String?
    private var disk: UnsafeMutablePointer<FILE>?
    private var process: pid_t = 0

    /// Whether this machine lets us make one: root, FUSE and loop devices. With IESFS_REQUIRE_MOUNT a missing ability is a
    /// failure, not a skip.
    static let isPossible: Bool = {
        let isPossible =
            geteuid() == 0 && access("/dev/fuse", R_OK) == 0 && access("/dev/loop-control", R_OK) == 0
            && access("/sbin/mkfs.ext4", X_OK) == 0 && access("/usr/bin/python3", X_OK) == 0
        precondition(
            isPossible || getenv("IESFS_REQUIRE_MOUNT") == nil,
            "tests of failing disks need root, /dev/fuse, loop devices, mkfs.ext4 and python3")
        return isPossible
    }()

    private init() throws {
        var template = Array("/tmp/iesfs-disk.XXXXXX".utf8CString)
        directory = try template.withUnsafeMutableBufferPointer {
            try String(cString: #require(mkdtemp($0.baseAddress!)))
        }
        path = "\(directory)/mounted"
        mkdir(path, 0o700)
    }

    /// An ext4 file system of `size` MiB on a loop device over a file on tmpfs.
    static func withFull(megabytes size: Int, _ body: (SmallDisk) async throws -> Void) async throws {
        let disk = try SmallDisk()
        try await disk.with(body) {
            try disk.run("mkdir \(disk.directory)/memory && mount -t tmpfs none \(disk.directory)/memory")
            try disk.makeFileSystem(on: "\(disk.directory)/memory/image", megabytes: size)
        }
    }

    /// The same over a file that fails as `setMode` says.
    static func withFaulty(megabytes size: Int, _ body: (SmallDisk) async throws -> Void) async throws {
        let disk = try SmallDisk()
        try await disk.with(body) { try disk.startFaulty(megabytes: size) }
    }

    private func with(
        _ body: (SmallDisk) async throws -> Void, prepare: @escaping @Sendable () throws -> Void
    ) async throws {
        do {
            try await Self.onThread(prepare)
            try await body(self)
        } catch {
            try await Self.onThread { self.remove() }
            throw error
        }
        try await Self.onThread { self.remove() }
    }

    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    private func startFaulty(megabytes size: Int) throws {
        let script = try #require(Bundle.module.url(forResource: "Fixtures/faulty-disk", withExtension: "py")).path
        try run("truncate -s \(size)M \(directory)/backing && mkdir \(directory)/fuse")
        setMode(.ok)
        disk = popen("exec python3 \(script) \(directory)/fuse \(directory)/backing \(directory)/mode", "re")
        var line = [CChar](repeating: 0, count: 100)
        let isReady = fgets(&line, 100, disk) != nil
        try #require(isReady)
        process = atoi(line)
        try makeFileSystem(on: "\(directory)/fuse/disk", megabytes: nil)
    }

    private func makeFileSystem(on file: String, megabytes: Int?) throws {
        if let megabytes { try run("truncate -s \(megabytes)M \(file)") }
        // Without a journal: one that cannot be written to would leave the file system read-only for good.
        try run("mkfs.ext4 -q -F -m 0 -O ^has_journal \(file)")
        device = try run("losetup --find --show \(file)")
        try run("mount -o errors=remount-ro \(device ?? "") \(path)")
    }

    func setMode(_ mode: Mode) {
        let file = fopen("\(directory)/mode.new", "w")
        fputs("\(mode.rawValue)\n", file)
        fclose(file)
        rename("\(directory)/mode.new", "\(directory)/mode")
    }

    /// Makes the file system read-only at once, whoever has files open, as an error of its own does.
    func makeReadOnly() async throws {
        try await Self.onThread { [self] in
            try run("echo test > /sys/fs/ext4/$(basename \(device ?? ""))/trigger_fs_error")
        }
    }

    /// Takes all space that is left.
    func fill() async throws {
        try await Self.onThread { [self] in
            try run("sync -f \(path); dd if=/dev/zero of=\(path)/filler bs=4k 2>/dev/null || true")
        }
    }

    func unfill() { unlink("\(path)/filler") }

    /// Forgets what memory holds of the disk.
    func dropCaches() async throws {
        try await Self.onThread { [self] in try run("sync -f \(path); echo 1 > /proc/sys/vm/drop_caches") }
    }

    private func remove() {
        setMode(.ok)
        _ = try? run("umount -l \(path)")
        if let device { _ = try? run("losetup -d \(device)") }
        _ = try? run("umount -l \(directory)/fuse 2>/dev/null; umount -l \(directory)/memory 2>/dev/null; true")
        if let disk {
            // Whoever still has files open gets errors from now on.
            kill(process, SIGKILL)
            pclose(disk)
        }
        _ = try? run("rm -rf \(directory)")
    }

    @discardableResult
    private func run(_ command: String) throws -> String {
        let pipe = try #require(popen(command, "re"))
        var text = ""
        var line = [CChar](repeating: 0, count: 1000)
        while fgets(&line, 1000, pipe) != nil {
            text += line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        }
        let status = pclose(pipe)
        try #require(status == 0, "\(command)")
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
