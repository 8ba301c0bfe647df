// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Why a record cannot be used.
package enum TakeoverError: Error, Hashable, Sendable, CustomStringConvertible {
    case memory(Errno)
    /// It was written by another version of the program.
    case version(UInt64)

    package var description: String {
        switch self {
        case .memory(.fileTooLarge):
            "The memory that outlives a worker cannot be had: the limit on the size of files (ulimit -f) is below "
                + "\(RecordLayout.leastSize >> 10) KiB. Raise it."
        case .memory(let error): "The memory that outlives a worker cannot be had: \(error)."
        case .version(let version):
            "The mount was made by a version of iesfs with which this one cannot share it "
                + "(\(version), not \(TakeoverRecord.version)). Unmount and mount again."
        }
    }
}

/// What a worker leaves to the one that takes over from it, whenever it may die: a file in memory that the holder keeps.
///
/// All of it is written before the kernel is told, so that nothing the kernel remembers is missing. What a dead worker
/// wrote is believed as far as it makes sense; nothing in it can lead out of the record's own memory.
package final class TakeoverRecord: Sendable {
    /// Changes whenever holders and workers of different builds could misunderstand each other.
    package static let version: UInt64 = 1
    /// What the kernel adds to the number of a request that it sends again (Linux 6.9, `FUSE_UNIQUE_RESEND`).
    package static let resendMark: UInt64 = 1 << 63

    let memory: SharedMemory
    let room: RecordRoom
    let inodeSlots: InodeSlots

    /// Makes an empty one, for a new mount.
    package static func create(seconds: Int64 = 0, nanoseconds: Int32 = 0) throws(TakeoverError) -> TakeoverRecord {
        let memory: SharedMemory
        do throws(Errno) {
            memory = try SharedMemory.create(size: RecordLayout.size, atLeast: RecordLayout.leastSize)
        } catch {
            throw .memory(error)
        }
        memory.setSigned(RecordLayout.startedSeconds, seconds)
        memory.setSigned(RecordLayout.startedNanoseconds, Int64(nanoseconds))
        memory.setWord(RecordLayout.version, version)
        memory.setWord(RecordLayout.magic, RecordLayout.magicValue)
        return TakeoverRecord(memory)
    }

    /// Opens the one that the holder made, and owns the descriptor from here on.
    package init(descriptor: Int32) throws(TakeoverError) {
        do throws(Errno) {
            memory = try SharedMemory(descriptor: descriptor, atLeast: RecordLayout.leastSize)
        } catch {
            throw .memory(error)
        }
        room = RecordRoom(fileSize: memory.size)
        inodeSlots = InodeSlots(room)
        guard memory.word(RecordLayout.magic) == RecordLayout.magicValue else { throw .version(0) }
        let version = memory.word(RecordLayout.version)
        guard version == Self.version else { throw .version(version) }
    }

    private init(_ memory: SharedMemory) {
        self.memory = memory
        room = RecordRoom(fileSize: memory.size)
        inodeSlots = InodeSlots(room)
    }

    /// Open as long as this object is.
    package var descriptor: Int32 { memory.descriptor }

    /// When the mount was made: seconds since 1970, and nanoseconds.
    package var started: (seconds: Int64, nanoseconds: Int32) {
        (
            memory.signed(RecordLayout.startedSeconds),
            Int32(clamping: memory.signed(RecordLayout.startedNanoseconds))
        )
    }

    // MARK: INIT

    /// Keeps the first request of the connection and its reply, headers included. To be called before the reply goes out.
    package func keepInit(request: [UInt8], reply: [UInt8]) {
        guard request.count <= RecordLayout.initRoom, reply.count <= RecordLayout.initRoom else { return }
        memory.setBytes(RecordLayout.initRequest, request)
        memory.setBytes(RecordLayout.initReply, reply)
        memory.setWord(RecordLayout.initLengths, UInt64(request.count) << 32 | UInt64(reply.count))
    }

    /// What was kept; nil before.
    package var initMessages: (request: [UInt8], reply: [UInt8])? {
        let lengths = memory.word(RecordLayout.initLengths)
        let (request, reply) = (Int(lengths >> 32), Int(lengths & 0xffff_ffff))
        guard lengths != 0, request <= RecordLayout.initRoom, reply <= RecordLayout.initRoom else { return nil }
        return (memory.bytes(RecordLayout.initRequest, request), memory.bytes(RecordLayout.initReply, reply))
    }

    // MARK: What the holder says of its workers

    /// Which worker it is, counted from 1.
    package var generation: UInt64 {
        get { memory.word(RecordLayout.generation) }
        set { memory.setWord(RecordLayout.generation, newValue) }
    }

    /// How many workers died that were not meant to.
    package var deaths: UInt64 { memory.word(RecordLayout.deaths) }
    /// How the last of them ended; empty: none did.
    package var lastDeath: String { memory.text(RecordLayout.lastDeath, room: RecordLayout.textRoom) }
    /// When, in seconds since 1970.
    package var lastDeathTime: Int64 { memory.signed(RecordLayout.lastDeathTime) }

    package func noteDeath(_ reason: String, at time: Int64) {
        memory.setText(RecordLayout.lastDeath, room: RecordLayout.textRoom, reason)
        memory.setSigned(RecordLayout.lastDeathTime, time)
        memory.setWord(RecordLayout.deaths, deaths + 1)
    }

    /// How many upgrades in place came to their end, well or not.
    package var upgrades: UInt64 { memory.word(RecordLayout.upgrades) }
    package var failedUpgrades: UInt64 { memory.word(RecordLayout.failedUpgrades) }
    /// Why the last upgrade failed; empty where it did not.
    package var lastUpgradeFailure: String { memory.text(RecordLayout.lastUpgrade, room: RecordLayout.textRoom) }

    package func noteUpgrade(failure: String?) {
        memory.setText(RecordLayout.lastUpgrade, room: RecordLayout.textRoom, failure ?? "")
        if failure != nil { memory.setWord(RecordLayout.failedUpgrades, failedUpgrades + 1) }
        memory.setWord(RecordLayout.upgrades, upgrades + 1)
    }

    /// For a mount that had to be made anew: its record goes on with the history of the one before.
    package func inheritHistory(of other: TakeoverRecord) {
        generation = other.generation
        memory.setText(RecordLayout.lastDeath, room: RecordLayout.textRoom, other.lastDeath)
        memory.setSigned(RecordLayout.lastDeathTime, other.lastDeathTime)
        memory.setWord(RecordLayout.deaths, other.deaths)
        memory.setText(RecordLayout.lastUpgrade, room: RecordLayout.textRoom, other.lastUpgradeFailure)
        memory.setWord(RecordLayout.upgrades, other.upgrades)
        memory.setWord(RecordLayout.failedUpgrades, other.failedUpgrades)
    }
}
