// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Testing

@testable import iesfs

@Suite struct SystemLogTests {
    @Test func `a line goes to the journal as text`() {
        let entry = SystemLog.journalEntry("mounted a=b", level: .warning)
        #expect(String(decoding: entry, as: UTF8.self) == "PRIORITY=4\nSYSLOG_IDENTIFIER=iesfs\nMESSAGE=mounted a=b\n")
    }

    @Test func `several lines go to the journal with their length`() {
        let entry = SystemLog.journalEntry("a\nb", level: .info)
        let head = Array("PRIORITY=6\nSYSLOG_IDENTIFIER=iesfs\nMESSAGE\n".utf8)
        #expect(entry == head + [3, 0, 0, 0, 0, 0, 0, 0] + Array("a\nb\n".utf8))
    }

    @Test func `syslog gets facility daemon, the process and one line`() {
        let entry = SystemLog.syslogEntry("a\nb", level: .error, process: 42)
        #expect(String(decoding: entry, as: UTF8.self) == "<27>iesfs[42]: a b")
    }

    @Test func `without a journal root logs to a file of the system, others to one of their own`() {
        func place(_ isRoot: Bool, _ environment: [String: String], _ hasJournal: Bool = false) -> LogDestination {
            .standard(isRoot: isRoot, environment: environment, hasJournal: hasJournal)
        }
        #expect(place(true, [:], true) == .journal)
        #expect(place(true, ["HOME": "/root"]) == .file("/var/log/iesfs.log"))
        #expect(place(false, ["HOME": "/home/u"]) == .file("/home/u/.local/state/iesfs/iesfs.log"))
        #expect(place(false, ["HOME": "/home/u", "XDG_STATE_HOME": "/s"]) == .file("/s/iesfs/iesfs.log"))
    }
}

@Suite struct ServiceManagerTests {
    /// Receives what is sent to a datagram socket of this name.
    private func receiver(at path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isAbstract = path.hasPrefix("@")
        let bytes = (isAbstract ? [0] : []) + Array((isAbstract ? path.dropFirst() : path[...]).utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
        let bound = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(bound == 0)
        return descriptor
    }

    @Test(arguments: ["@iesfs-test-\(getpid())", "/tmp/iesfs-test-\(getpid()).sock"])
    func `readiness and the end reach the socket of NOTIFY_SOCKET`(path: String) throws {
        let descriptor = try receiver(at: path)
        defer {
            close(descriptor)
            unlink(path)
        }
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": path])
        manager.ready("Serving /mnt/a\nb")
        manager.stopping()
        var buffer = [UInt8](repeating: 0, count: 512)
        var texts: [String] = []
        for _ in 0..<2 {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            texts.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
        }
        #expect(texts[0] == "READY=1\nMAINPID=\(getpid())\nSTATUS=Serving /mnt/a b")
        #expect(texts[1].hasPrefix("STOPPING=1\n"))
    }

    @Test(
        arguments: [
            (["WATCHDOG_USEC": "3000000"], .milliseconds(1500)), ([:], nil), (["WATCHDOG_USEC": "0"], nil),
            (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"], nil),
            (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "\(getpid())"], .milliseconds(1500)),
        ] as [([String: String], Duration?)])
    func `the watchdog hears twice as often as it wants to`(environment: [String: String], interval: Duration?) {
        let all = environment.merging(["NOTIFY_SOCKET": "/nonexistent/socket"]) { $1 }
        #expect(ServiceManager(environment: all).watchdogInterval == interval)
        #expect(ServiceManager(environment: environment).watchdogInterval == nil, "nobody listens")
    }

    @Test func `without a listener nothing happens`() {
        ServiceManager(environment: [:]).ready("x")
        ServiceManager(environment: ["NOTIFY_SOCKET": "/nonexistent/socket"]).stopping()
    }
}
