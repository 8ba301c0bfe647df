// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import IESCache
import IESMount
import Logging
import SystemPackage

/// A cache as a command reaches it: through the mount that uses it, or by itself.
enum CacheAccess {
    case mount(MountRecord)
    case directory(FilePath)

    /// The mount at `mountpoint`; else the mount that uses `directory`, or the directory itself where none does.
    static func find(mountpoint: String?, directory: String?) throws(ProgramError) -> CacheAccess {
        if let mountpoint {
            guard directory == nil else {
                throw ProgramError("a mountpoint and --cache-dir exclude each other", status: .usage)
            }
            do throws(MountError) {
                let path = try Mountpoint.located(mountpoint)
                guard let record = try MountTable.current().mount(at: path), record.isOurs else {
                    throw MountError(.notMounted, "No iesfs is mounted at \(path).")
                }
                return .mount(record)
            } catch {
                throw ProgramError(error.description)
            }
        }
        let path = if let directory { FilePath(absolute(directory)) } else { try standardDirectory() }
        guard CacheDirectory.holdsCache(path) else {
            let reason =
                access(path.string, X_OK) != 0 && errno == EACCES ? "you may not look into" : "there is no cache in"
            throw ProgramError("\(reason) \(path)")
        }
        return user(of: path).map { .mount($0) } ?? .directory(path)
    }

    /// Sends `request` to whoever uses the cache.
    func run(_ request: ToolRequest, _ report: ToolReport) throws(ProgramError) {
        switch self {
        case .mount(let record):
            _ = try ToolClient.run(request, at: record, signals: nil) { report.take($0, prefix: "\(record.path)/") }
        case .directory(let path):
            let (cache, limit) = try Self.open(path)
            defer { cache.close() }
            let desk = ToolDesk(cache: cache, directory: path, limit: limit)
            Blocking.run { await desk.carryOut(request) { report.take($0, prefix: "") } }
        }
    }

    /// The mount of ours that has its cache there, as far as this user may ask.
    private static func user(of directory: FilePath) -> MountRecord? {
        let real = URL(filePath: directory.string).resolvingSymlinksInPath().path
        return ((try? MountTable.current().records) ?? []).first { record in
            guard record.isOurs else { return false }
            var found: String?
            // One that hangs has to be named to be waited for.
            _ = try? ToolClient.run(ToolRequest(.info), at: record, signals: nil, patience: .seconds(5)) { answer in
                if case .summary(let summary) = answer { found = summary.cache?.directory }
            }
            return found.map { URL(filePath: $0).resolvingSymlinksInPath().path } == real
        }
    }

    private static func open(_ path: FilePath) throws(ProgramError) -> (BlockCache, limit: Int64?) {
        guard CacheDirectory.holdsOurCache(path) else {
            throw ProgramError("the cache in \(path) has another version's format; a mount sets it aside")
        }
        // What stays free and the limit are the mount's business: nothing is evicted here.
        var settings = CacheSettings(directory: path, owner: "the command iesfs cache")
        settings.limit = .max
        settings.keptFree = .bytes(0)
        let options = try options()
        settings.blockSize = Int(options.blockSize)
        do {
            let limit = try options.cacheSize ?? CacheSettings.standardLimit(in: path)
            let writer = try LogWriter(.standardError, label: "iesfs")
            ProgramLogHandler.install(writer, level: .warning)
            return (try openPatiently(settings), limit)
        } catch {
            throw ProgramError("\(error)")
        }
    }

    /// Waits for a daemon that is just ending.
    private static func openPatiently(_ settings: CacheSettings) throws(CacheError) -> BlockCache {
        let end = ContinuousClock.now + .seconds(3)
        while true {
            do throws(CacheError) {
                return try BlockCache(settings, logger: Logger(label: "iesfs"))
            } catch {
                guard case .inUse = error, .now < end else { throw error }
                usleep(50_000)
            }
        }
    }

    private static func standardDirectory() throws(ProgramError) -> FilePath {
        try MountJob.cacheDirectory(try options(), environment: ProcessEnvironment.current)
    }

    /// Those that the environment and the configuration file give a mount.
    private static func options() throws(ProgramError) -> MountOptions {
        do throws(OptionError) {
            let path = ConfigurationFile.standardPath
            let file = (path, try ConfigurationFile.values(ofFile: path, isRequired: false))
            return try ResolvedOptions(
                arguments: [], environment: ProcessEnvironment.current, file: file,
                workingDirectory: FileManager.default.currentDirectoryPath
            ).options
        } catch {
            throw ProgramError(error.description, status: .usage)
        }
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
