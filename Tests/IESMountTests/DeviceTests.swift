// SPDX-License-Identifier: Apache-2.0

import CFuse3
import Glibc
import IESTakeover
import Testing

@testable import IESMount

/// What is done with single requests beside libfuse, on a pair of sockets instead of the device.
@Suite struct DeviceTests {
    private let (device, kernel): (Int32, Int32)

    init() {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends)
        (device, kernel) = (ends[0], ends[1])
    }

    /// `fuse_in_header`: len, opcode, unique, nodeid, uid, gid, pid, padding; and the first word of its body.
    private func ask(_ opcode: UInt32, unique: UInt64, body: UInt64 = 0) {
        let words = [48 | UInt64(opcode) << 32, unique, 1, 0, 0, body]
        words.withUnsafeBytes { _ = write(kernel, $0.baseAddress, $0.count) }
    }

    /// The next reply: `fuse_out_header` with length, error and unique; nil where there is none.
    private func reply() -> (error: Int32, unique: UInt64)? {
        var words = [UInt64](repeating: 0, count: 4)
        let count = words.withUnsafeMutableBytes { recv(kernel, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
        guard count == 16, words[0] & 0xffff_ffff == 16 else { return nil }
        return (Int32(truncatingIfNeeded: Int64(bitPattern: words[0]) >> 32), words[1])
    }

    private static let resent: UInt64 = 1 << 63

    @Test func `a request that was given up is answered with EIO when it is sent again, and the next one is read`()
        throws
    {
        let record = try TakeoverRecord.create()
        let poisoned: [UInt64] = [0, 7, 0]
        try poisoned.withUnsafeBufferPointer { poisoned in
            var shared = ies_fuse_device(
                bridge: nil, observer: nil, marks: record.marksAddress.assumingMemoryBound(to: UInt8.self),
                mark_size: UInt32(TakeoverRecord.markSize), mark_count: UInt32(TakeoverRecord.mostMarks),
                marks_taken: 3, poisoned: poisoned.baseAddress, poisoned_count: UInt32(poisoned.count),
                swallows: false, swallowed_error: 0)
            ask(15, unique: 7 | Self.resent)
            // The same number, sent for the first time: another request.
            ask(15, unique: 7)
            ask(15, unique: 8 | Self.resent)
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            for expected in [7, 8 | Self.resent] {
                let count = buffer.withUnsafeMutableBytes {
                    ies_fuse_read(device, $0.baseAddress, $0.count, &shared)
                }
                #expect(count == 48)
                #expect(ies_fuse_current_unique() == expected)
                #expect(record.marks[3].request == expected & ~Self.resent)
            }
            #expect(record.marks[3].turn == 3)
            let answer = try #require(reply())
            #expect(answer == (-EIO, 7 | Self.resent))
            #expect(reply() == nil)
        }
    }

    @Test func `without a worker requests are refused, a RELEASE is noted, and what has no answer gets none`() throws {
        let record = try TakeoverRecord.create()
        record.keep(TakeoverRecord.Handle(number: 4 << 32 | 0, kind: .file, inode: 9, request: 1))
        ask(15, unique: 11)
        // As a worker leaves it that dies at a bad moment.
        _ = fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK)
        let refusing = RefusingDevice(device, kept: record)
        #expect(refusing.begin())
        #expect(try #require(reply()) == (-EIO, 11))
        // FUSE_NOTIFY_RESEND
        #expect(try #require(reply()) == (7, 0))
        ask(1, unique: 12 | Self.resent)
        // FORGET, BATCH_FORGET, INTERRUPT
        for opcode in [2, 42, 36] as [UInt32] { ask(opcode, unique: 13) }
        ask(18, unique: 14, body: 4 << 32 | 0)
        ask(25, unique: 15)
        #expect(refusing.refuse())
        #expect(try #require(reply()) == (-EIO, 12 | Self.resent))
        #expect(try #require(reply()) == (0, 14))
        #expect(try #require(reply()) == (0, 15))
        #expect(reply() == nil)
        #expect(record.handleSlots().map(\.isReleased) == [true])
        refusing.end()
        #expect(fcntl(device, F_GETFL) & O_NONBLOCK == 0)
    }
}
