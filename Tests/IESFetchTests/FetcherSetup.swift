// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import IESCache
import IESService
import IESSimulator
import Logging
import SystemPackage

@testable import IESFetch

/// A fetcher over a simulated service in process, with a cache directory of its own.
final class FetcherSetup: Sendable {
    let service: SimulatedService
    let cache: BlockCache
    let fetcher: ResultFetcher
    private let directory: FilePath

    /// - Parameters:
    ///   - disk: Where the cache is; nil for a place in `/tmp`.
    ///   - other: Its service is used, and a copy of its cache as it is at this moment: what a crash would leave.
    init(
        cacheLimit: Int64? = nil, disk: String? = nil, after other: FetcherSetup? = nil,
        _ adjust: (inout FetchSettings) -> Void = { _ in },
        cache adjustCache: (inout CacheSettings) -> Void = { _ in }
    ) throws {
        var template = Array("\(disk ?? "/tmp")/iesfs-fetch.XXXXXX".utf8CString)
        directory = FilePath(
            template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) })
        service = other?.service ?? SimulatedService()
        if let other { try Self.copy(other.directory.appending("cache"), to: directory.appending("cache")) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var cacheSettings = CacheSettings(directory: directory.appending("cache"), owner: "test")
        cacheSettings.limit = cacheLimit
        adjustCache(&cacheSettings)
        cache = try BlockCache(cacheSettings, logger: logger)
        var settings = FetchSettings()
        settings.timeout = .seconds(100)
        settings.linger = .milliseconds(50)
        adjust(&settings)
        var serviceSettings = ServiceSettings()
        serviceSettings.timeout = settings.timeout
        serviceSettings.sleep = { _ in }
        let endpoint = try Endpoint.parse("http://127.0.0.1:1", allowsHTTP: true, environment: [:])
        let credentials = CredentialStore(
            CredentialConfiguration(), environment: ["IESFS_TOKEN": SimulatedAccount.token])
        let client = ServiceClient(
            endpoint: endpoint, transport: SimulatorTransport(service: service), credentials: credentials,
            settings: serviceSettings, logger: logger)
        fetcher = ResultFetcher(client: client, cache: cache, settings: settings, logger: logger)
    }

    /// What is evicted while it is copied ends the copy: it is begun again.
    private static func copy(_ old: FilePath, to new: FilePath) throws {
        for tries in 1... {
            do {
                return try FileManager.default.copyItem(atPath: old.string, toPath: new.string)
            } catch  where tries < 10 {
                try? FileManager.default.removeItem(atPath: new.string)
            }
        }
    }

    var directoryPath: String { directory.string }

    deinit {
        cache.close()
        try? FileManager.default.removeItem(atPath: directory.string)
    }

    func add(_ task: TaskID, _ content: SimulatedContent) -> ResultID {
        service.add(SimulatedResult(task, content: content))
        return ResultID(project: service.project, task: task)
    }
}

extension TaskID {
    static let sample = TaskID(rawValue: "sample")!
}

extension FetchedResult {
    /// What a reader gets: waits until the bytes are there, then takes them.
    func bytes(_ range: Range<Int64>, for stream: ReadStream? = nil) async throws(FetchError)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0xA5, count: range.count)
        while true {
            var span = bytes.mutableSpan
            var raw = span.mutableBytes
            if let count = readNow(at: range.lowerBound, into: &raw) {
                stream?.noteRead(at: range.lowerBound, count: count)
                return Array(bytes.prefix(count))
            }
            try await prepare(range, for: stream)
        }
    }

    /// The whole, in the pieces of a sequential reader.
    func wholeInPieces(of size: Int64 = 128 << 10) async throws(FetchError) -> [UInt8] {
        let stream = makeStream()
        defer { stream.close() }
        var all: [UInt8] = []
        while Int64(all.count) < self.size {
            let offset = Int64(all.count)
            all += try await bytes(offset..<min(self.size, offset + size), for: stream)
        }
        return all
    }
}
