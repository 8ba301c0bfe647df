// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// The signals that wait for a thread and its process, from `/proc/<tid>/status` (proc_pid_status(5)).
///
/// It decides whether an interrupted request is given up. Only one whose caller is about to end is: a request given up
/// for a timer signal, as language runtimes send all the time (SIGURG, SIGALRM), would fail a healthy program.
struct PendingSignals: Hashable, Sendable {
    /// Bit n-1 stands for signal n.
    let bits: UInt64

    init(bits: UInt64) { self.bits = bits }

    /// Reads the text of a status file: the thread's own signals (SigPnd) and its process's (ShdPnd); nil if one is missing.
    init?(parsing text: [UInt8]) {
        var own: UInt64?
        var shared: UInt64?
        for line in text.split(separator: UInt8(ascii: "\n")) {
            if let value = Self.value(of: "SigPnd:", in: line) { own = value }
            if let value = Self.value(of: "ShdPnd:", in: line) { shared = value }
        }
        guard let own, let shared else { return nil }
        bits = own | shared
    }

    /// True if one of them ends the caller, or asks it to end.
    ///
    /// A signal without a handler that ends a process shows as SIGKILL of all its threads.
    var areFatal: Bool { bits & Self.fatal != 0 }

    private static let fatal: UInt64 = [SIGKILL, SIGINT, SIGTERM, SIGHUP, SIGQUIT].reduce(0) {
        $0 | 1 << UInt64($1 - 1)
    }

    /// What waits for the thread that made a request; nil if it cannot be told, as for one that has gone.
    ///
    /// - Parameter thread: Its number as FUSE gives it, 0 for one in a PID name space that we do not see.
    static func of(thread: Int32) -> PendingSignals? {
        guard thread > 0, let text = try? contents(of: FilePath("/proc/\(thread)/status")) else { return nil }
        return PendingSignals(parsing: text)
    }

    private static func value(of name: StaticString, in line: ArraySlice<UInt8>) -> UInt64? {
        let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        guard line.starts(with: name) else { return nil }
        let digits = line.dropFirst(name.count).drop { $0 == 0x09 || $0 == 0x20 }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
