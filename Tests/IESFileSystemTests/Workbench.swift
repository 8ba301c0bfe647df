// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import IESCache
import IESFetch
import IESService
import IESSimulator
import IESTakeover
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import IESFileSystem

/// A file system on a simulated service, used as the kernel would.
final class Workbench: Sendable {
    let service: SimulatedService
    let directory: FilePath
    let cache: BlockCache
    let client: ServiceClient
    let fetcher: ResultFetcher
    let fileSystem: ResultFileSystem
    let kept: TakeoverRecord
    /// How far the clock of time limits was put forward.
    let elapsed: Elapsed

    final class Elapsed: Sendable {
        private let time = Mutex(Duration.zero)
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
        var value: Duration { time.withLock { $0 } }
    }

    /// The default timeout: longer than any test may take on a machine as busy as it gets.
    static let patience: Duration = .seconds(300)

    /// 2026-01-01T00:00:00Z
    static let now = FileTime(seconds: 1_767_225_600)
    /// A day before.
    static let mounted = FileTime(seconds: 1_767_139_200)

    /// Runs `body` with a fresh cache, which is removed afterwards.
    static func with(
        _ results: [SimulatedResult] = [], behaviour: Behaviour = Behaviour(), errorTTL: Duration = .zero,
        timeout: Duration = patience, adjust: (inout FileSystemSettings) -> Void = { _ in },
        _ body: (Workbench) async throws -> Void
    ) async throws {
        let service = SimulatedService()
        service.behaviour = behaviour
        for result in results { service.add(result) }
        let directory = FilePath("/tmp/iesfs-filesystem-tests-\(UUID().uuidString)")
        let bench = try Workbench(
            service, in: directory, errorTTL: errorTTL, timeout: timeout, adjust: adjust)
        do {
            try await body(bench)
        } catch {
            await bench.stop()
            try? FileManager.default.removeItem(atPath: directory.string)
            throw error
        }
        await bench.stop()
        try FileManager.default.removeItem(atPath: directory.string)
    }

    /// - Parameter errorTTL: Zero: every failure is forgotten at once, so the service is asked again.
    init(
        _ service: SimulatedService, in directory: FilePath, errorTTL: Duration = .zero,
        timeout: Duration = patience, kept: TakeoverRecord? = nil,
        adjust: (inout FileSystemSettings) -> Void = { _ in }
    ) throws {
        self.kept = try kept ?? .create(seconds: Self.mounted.seconds)
        self.service = service
        self.directory = directory
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var cacheSettings = CacheSettings(directory: directory, owner: "a test")
        cacheSettings.limit = 64 << 20
        cacheSettings.keptFree = .bytes(0)
        cacheSettings.blockSize = 64 << 10
        cache = try BlockCache(cacheSettings, logger: logger)
        var serviceSettings = ServiceSettings()
        serviceSettings.retries = 1
        serviceSettings.timeout = timeout
        serviceSettings.sleep = { _ in }
        client = ServiceClient(
            endpoint: try Endpoint.parse("http://127.0.0.1:9"), transport: SimulatorTransport(service: service),
            credentials: CredentialStore(
                CredentialConfiguration(), environment: ["IESFS_TOKEN": SimulatedAccount.token]),
            settings: serviceSettings)
        var fetchSettings = FetchSettings()
        fetchSettings.timeout = timeout
        fetchSettings.errorTTL = errorTTL
        fetchSettings.deniedTTL = errorTTL
        fetchSettings.rangeFailureTTL = .zero
        fetchSettings.readAhead = 64 << 10
        fetcher = ResultFetcher(client: client, cache: cache, settings: fetchSettings, logger: logger)
        let elapsed = Elapsed()
        self.elapsed = elapsed
        var settings = FileSystemSettings()
        settings.timeout = timeout
        settings.listPatience = timeout
        settings.errorTTL = errorTTL
        settings.now = { Self.now }
        let start = ContinuousClock.now
        settings.instant = { start + elapsed.value }
        settings.version = "1.2.3"
        adjust(&settings)
        fileSystem = ResultFileSystem(
            fetcher: fetcher, cache: cache, client: client, settings: settings, kept: self.kept,
            status: { [StatusLine("colour", "a test's")] }, logger: logger)
    }

    func stop() async {
        await fetcher.shutdown()
        cache.close()
    }

    /// Another worker on the same cache and service.
    func restarted(_ adjust: (inout FileSystemSettings) -> Void = { _ in }) async throws -> Workbench {
        await stop()
        return try Workbench(service, in: directory, adjust: adjust)
    }

    /// The worker that takes over from this one, on the same mount.
    func succeeded() async throws -> Workbench {
        await stop()
        return try Workbench(service, in: directory, kept: TakeoverRecord(descriptor: dup(kept.descriptor)))
    }

    // MARK: As the kernel does

    var project: InodeNumber {
        get async throws { try await lookUp(service.project.rawValue).attributes.inode }
    }

    /// Looks up a path below the mountpoint, part by part.
    func lookUp(_ path: String) async throws -> Entry {
        var entry: Entry?
        for part in path.split(separator: "/") {
            entry = try await fileSystem.lookUp(String(part), in: entry?.attributes.inode ?? .root)
        }
        return try #require(entry)
    }

    func lookUp(_ task: TaskID) async throws -> Entry { try await lookUp("\(service.project)/\(task)") }

    /// Opens and reads to the end. An open that says ESTALE is tried once more after another look-up.
    func cat(_ path: String) async throws -> [UInt8] {
        let file = try await open(path)
        defer {
            fileSystem.flush(file.handle)
            fileSystem.release(file.handle)
        }
        var bytes: [UInt8] = []
        while true {
            let piece = try await read(file.handle, at: Int64(bytes.count), count: 50_000)
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    }

    private func open(_ path: String) async throws -> OpenedFile {
        let inode = try await lookUp(path).attributes.inode
        do throws(FileSystemError) {
            return try await fileSystem.open(inode, writing: false)
        } catch {
            guard error.errno == .staleNFSFileHandle else { throw error }
        }
        return try await fileSystem.open(try await lookUp(path).attributes.inode, writing: false)
    }

    func cat(_ task: TaskID) async throws -> [UInt8] { try await cat("\(service.project)/\(task)") }

    func read(_ handle: HandleID, at offset: Int64, count: Int) async throws -> [UInt8] {
        while true {
            if let bytes = try readNow(handle, at: offset, count: count) { return bytes }
            try await fileSystem.prepareRead(handle, at: offset, count: count)
        }
    }

    func readNow(_ handle: HandleID, at offset: Int64, count: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0xaa, count: count)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        guard let length = try fileSystem.readNow(handle, at: offset, into: &raw) else { return nil }
        return Array(bytes.prefix(length))
    }

    func text(_ path: String) async throws -> String { String(decoding: try await cat(path), as: UTF8.self) }

    func list(_ path: String) async throws -> [DirectoryEntry] {
        let inode = path.isEmpty ? InodeNumber.root : try await lookUp(path).attributes.inode
        let handle = try await fileSystem.openDirectory(inode)
        defer { fileSystem.releaseDirectory(handle) }
        return try entries(handle)
    }

    /// At most `count` entries after `offset`.
    func entries(_ handle: HandleID, from offset: UInt64 = 0, count: Int = .max) throws -> [DirectoryEntry] {
        var entries: [DirectoryEntry] = []
        try fileSystem.readDirectory(handle, from: offset) { entry in
            guard entries.count < count else { return false }
            entries.append(entry)
            return true
        }
        return entries
    }

    /// The names of a directory without its dots.
    func names(_ path: String) async throws -> Set<String> {
        Set(try await list(path).map(\.name).filter { $0 != "." && $0 != ".." })
    }

    /// The value of `user.NAME`; nil where there is none.
    func attribute(_ name: String, of inode: InodeNumber) throws -> String? {
        do throws(FileSystemError) {
            return String(decoding: try fileSystem.extendedAttribute("user.\(name)", of: inode), as: UTF8.self)
        } catch {
            guard error.errno == .noData else { throw error }
            return nil
        }
    }
}

extension TaskID {
    /// 32 lower-case hexadecimal digits, as published ids are.
    static func numbered(_ number: Int) -> TaskID {
        let digits = String(number, radix: 16)
        return TaskID(rawValue: String(repeating: "0", count: 32 - digits.count) + digits)!
    }
}

/// The error that `body` throws.
func failure(_ body: () async throws -> Void) async throws -> FileSystemError {
    do {
        try await body()
    } catch let error as FileSystemError {
        return error
    }
    throw NoFailure()
}

struct NoFailure: Error {}
