// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import Logging
import Synchronization
import SystemPackage
import Testing

/// A directory that goes with the object.
final class Scratch: Sendable {
    let path: FilePath
    /// What the caches in it have logged at warning and above.
    let warnings = Warnings()

    init() throws {
        // On another file system by TMPDIR.
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/iesfs-cache-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = FilePath(template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }

    deinit { Self.remove(path) }

    var cachePath: FilePath { path.appending("cache") }

    func settings(_ name: String = "cache", _ change: (inout CacheSettings) -> Void = { _ in }) -> CacheSettings {
        var settings = CacheSettings(directory: path.appending(name), owner: "/mnt/test")
        settings.blockSize = 64 << 10
        settings.limit = 1 << 30
        settings.now = { 1_700_000_000 }
        // A busy machine is not a stalled disk.
        settings.diskDeadline = .seconds(600)
        change(&settings)
        return settings
    }

    func open(_ name: String = "cache", _ change: (inout CacheSettings) -> Void = { _ in }) throws -> BlockCache {
        let warnings = warnings
        return try BlockCache(
            settings(name, change), logger: Logger(label: "test") { _ in WarningHandler(warnings: warnings) })
    }

    /// Copies the cache directory as it stands, as a crash would leave it.
    func copy(_ from: String = "cache", to: String) throws {
        try Self.copyTree(path.appending(from), path.appending(to))
    }

    static func remove(_ path: FilePath) {
        if unlink(path.string) == 0 { return }
        for name in names(path) { remove(path.appending(name)) }
        rmdir(path.string)
    }

    static func names(_ path: FilePath) -> [String] {
        guard let stream = opendir(path.string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Every regular file below `path`.
    static func files(_ path: FilePath) -> [FilePath] {
        names(path).flatMap { name -> [FilePath] in
            let child = path.appending(name)
            var status = stat()
            lstat(child.string, &status)
            return status.st_mode & S_IFMT == S_IFDIR ? files(child) : [child]
        }
    }

    private static func copyTree(_ from: FilePath, _ to: FilePath) throws {
        mkdir(to.string, 0o700)
        // The log before the database: one that was written back and begun anew between the two would lack what the
        // database lacks as well, which no crash can bring about.
        let names = names(from)
        let isLog = { (name: String) in name.hasSuffix("-wal") }
        for name in names.filter({ $0 == "data" }) + names.filter(isLog) + names.filter({ $0 != "data" && !isLog($0) })
        {
            let source = from.appending(name)
            var status = stat()
            lstat(source.string, &status)
            if status.st_mode & S_IFMT == S_IFDIR {
                try copyTree(source, to.appending(name))
            } else {
                try write(read(source), to: to.appending(name))
            }
        }
    }

    static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { return bytes }
                bytes += buffer[..<count]
            }
        }
    }

    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }

    /// Writes into a file that exists.
    static func overwrite(_ path: FilePath, at offset: Int64, _ bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(path, .writeOnly)
        try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: offset, bytes) }
    }
}

final class Warnings: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
}

struct WarningHandler: LogHandler {
    let warnings: Warnings
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .warning

    init(warnings: Warnings) { self.warnings = warnings }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        warnings.add("\(event.message) \(event.metadata.map { "\($0)" } ?? "")")
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Bytes without zeros, so that a hole can never be mistaken for them.
func content(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = Seeded(seed)
    var bytes = [UInt8](repeating: 0, count: count)
    var index = 0
    while index < count {
        var word = random.next()
        for _ in 0..<min(8, count - index) {
            bytes[index] = UInt8(truncatingIfNeeded: word) | 1
            word >>= 8
            index += 1
        }
    }
    return bytes
}

let noDetails = ResultDetails(modified: Timestamp(seconds: 1))

extension BlockCache {
    func add(_ task: String, size: Int) throws -> ResultRecord {
        try add(NewResult(key: ResultKey(project: "p", task: task), size: Int64(size), details: noDetails))
    }
}

extension CacheFile {
    /// Stores `bytes[range]` in pieces of `piece` bytes, and waits until the disk has them.
    @discardableResult
    func store(_ bytes: [UInt8], _ range: Range<Int>, piece: Int = 16384) throws -> BlockWriter.Progress {
        let writer = writer(at: Int64(range.lowerBound))
        var progress = BlockWriter.Progress(position: Int64(range.lowerBound), contradicts: false)
        var position = range.lowerBound
        while position < range.upperBound {
            let end = min(range.upperBound, position + piece)
            progress = try writer.append(Array(bytes[position..<end]).span.bytes)
            if progress.mustWait {
                drain()
            } else {
                position = end
            }
        }
        drain()
        return progress
    }

    /// What `readNow` says, with the bytes if it read.
    func now(_ offset: Int, _ count: Int) -> (outcome: Outcome, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        let outcome = readNow(at: Int64(offset), into: &raw)
        guard case .read(let done) = outcome else { return (outcome, []) }
        return (outcome, Array(bytes[..<done]))
    }

    /// The bytes, or `nil` if they are missing.
    func bytes(_ offset: Int, _ count: Int) async throws -> [UInt8]? {
        for _ in 0..<100 {
            let (outcome, bytes) = now(offset, count)
            switch outcome {
            case .read: return bytes
            case .missing: return nil
            case .unverified, .wouldBlock: try await prepare(Int64(offset)..<Int64(offset + count))
            }
        }
        Issue.record("prepared a hundred times, and still nothing to read")
        return nil
    }
}
