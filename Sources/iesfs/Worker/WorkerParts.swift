// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import IESFetch
import IESFileSystem
import IESMount
import IESService
import IESTakeover
import IESTransport
import Logging
import SystemPackage

/// The parts of a worker, from the network to the mount.
struct WorkerParts: Sendable {
    let client: ServiceClient
    let session: MountSession
    let fileSystem: ResultFileSystem
    let cache: BlockCache
    private let transport: CurlTransport
    private let fetcher: ResultFetcher

    init(
        _ job: MountJob, kept: TakeoverRecord, control: ControlSocket, log: LogDestination, logger: Logger
    ) throws(ProgramError) {
        let options = job.options
        control.send(.progress("the cache to open"))
        do {
            cache = try BlockCache(try Self.cacheSettings(job), logger: logger)
        } catch let error as ProgramError {
            throw error
        } catch {
            throw ProgramError(String(describing: error))
        }
        transport = CurlTransport(
            settings: CurlSettings(
                userAgent: "iesfs/\(Program.version)", proxy: options.proxy,
                caFile: job.authorities?.file, logger: logger))
        var service = ServiceSettings()
        service.timeout = options.timeout
        service.connectTimeout = min(options.timeout, .seconds(10))
        service.retries = options.retries
        service.rate = options.rate > 0 ? RequestRate(perSecond: options.rate, burst: 2 * options.rate) : nil
        service.userAgent = "iesfs/\(Program.version)"
        client = ServiceClient(
            endpoint: job.endpoint, transport: transport,
            credentials: CredentialStore(try job.credentials(), environment: job.environment),
            routes: try job.routes(), settings: service, logger: logger)
        var fetch = FetchSettings()
        fetch.timeout = options.timeout
        fetch.errorTTL = options.errorTTL
        fetch.readAhead = min(options.readAhead, FetchSettings.largestReadAhead)
        fetch.connectionsPerResult = options.connections
        fetch.revalidate = options.revalidate
        fetcher = ResultFetcher(client: client, cache: cache, settings: fetch, logger: logger)
        fileSystem = ResultFileSystem(
            fetcher: fetcher, cache: cache, client: client, settings: Self.fileSystemSettings(options),
            kept: kept, status: { [client] in Self.status(job, log, client) + WorkerStatus.lines(kept) }, logger: logger
        )
        session = MountSession(
            fileSystem: fileSystem, descriptor: WorkerProcess.Inherited.device, kept: kept,
            settings: SessionSettings(
                refusesOthers: options.allowsRoot,
                passthrough: Self.passthrough(options, onOverlay: cache.isOnOverlay)),
            logger: logger)
    }

    /// Ends what is under way and leaves the cache in order.
    func close() {
        let fetcher = fetcher
        Blocking.run { await fetcher.shutdown() }
        cache.close()
        transport.shutdown()
    }

    /// The same in little time, for another worker that waits for the cache: it verifies what it reads.
    func closeForSuccessor() {
        let fetcher = fetcher
        Blocking.run { await fetcher.shutdown() }
        // What is not in the index is fetched again.
        try? cache.flush()
    }

    private static func cacheSettings(_ job: MountJob) throws(ProgramError) -> CacheSettings {
        var settings = CacheSettings(directory: try job.cacheDirectory(), owner: "the mount at \(job.mountpoint)")
        settings.limit = job.options.cacheSize
        settings.keptFree = job.options.cacheFree
        settings.memory = Int(min(job.options.memory, (ProcessLimits.memory() ?? .max) / 4))
        settings.blockSize = Int(job.options.blockSize)
        settings.lockDescriptor = WorkerProcess.Inherited.lock
        return settings
    }

    private static func passthrough(_ options: MountOptions, onOverlay: Bool) -> PassthroughWish {
        if options.passesNothingThrough { return .none("nopassthrough is among the options") }
        guard CurrentUser.isRoot else { return .none("only root may (CAP_SYS_ADMIN)") }
        return .wanted(onOverlay: onOverlay)
    }

    private static func fileSystemSettings(_ options: MountOptions) -> FileSystemSettings {
        var settings = FileSystemSettings()
        settings.userID = options.uid ?? getuid()
        settings.groupID = options.gid ?? getgid()
        settings.umask = options.umask
        settings.listTTL = options.listTTL
        settings.errorTTL = options.errorTTL
        settings.timeout = options.timeout
        settings.projects = options.projects.compactMap(ProjectID.init(rawValue:))
        settings.listsTasks = !options.listsNothing
        settings.version = Program.version
        return settings
    }

    private static func status(_ job: MountJob, _ log: LogDestination, _ client: ServiceClient) -> [StatusLine] {
        [
            StatusLine("mountpoint", job.mountpoint),
            StatusLine("options", job.resolved.asArgument),
            StatusLine("log", log.description),
            StatusLine("credentials", client.credentialSources.joined(separator: "; ")),
            StatusLine("worker", String(getpid())),
            StatusLine("holder", String(getppid())),
        ]
    }
}
