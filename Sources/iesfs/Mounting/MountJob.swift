// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount
import IESService
import SystemPackage

/// A mount that was asked for, after everything that can be checked without the network was checked.
struct MountJob: Sendable {
    /// As it was given: a region or a URL. Shown by `mount` and `df`.
    let source: String
    let endpoint: Endpoint
    /// Absolute, without symbolic links.
    let mountpoint: String
    let resolved: ResolvedOptions
    let environment: [String: String]

    var options: MountOptions { resolved.options }

    init(
        source: String, mountpoint: String, resolved: ResolvedOptions, environment: [String: String]
    ) throws(ProgramError) {
        let located: String
        do {
            located = try Mountpoint.located(mountpoint).string
        } catch {
            throw ProgramError(error.description)
        }
        try self.init(source: source, locatedMountpoint: located, resolved: resolved, environment: environment)
    }

    /// For a mountpoint that must not be touched any more, because this process is to answer for it.
    init(
        source: String, locatedMountpoint: String, resolved: ResolvedOptions, environment: [String: String]
    ) throws(ProgramError) {
        do {
            endpoint = try Endpoint.parse(source, allowsHTTP: resolved.options.allowsHTTP, environment: environment)
        } catch {
            throw ProgramError(error.description, status: .usage)
        }
        self.source = source
        mountpoint = locatedMountpoint
        self.resolved = resolved
        self.environment = environment
        if let (file, origin) = authorities, access(file.string, R_OK) != 0 {
            throw ProgramError("\(origin): \(file) cannot be read: \(CurrentError.text)")
        }
    }

    /// The certificate authorities to trust instead of the system's, and what names them. libcurl does not look at
    /// OpenSSL's own variable, as the curl program does.
    var authorities: (file: FilePath, origin: String)? {
        if let file = options.certificateAuthorities { return (FilePath(file), "cacert") }
        guard let file = environment["SSL_CERT_FILE"], !file.isEmpty else { return nil }
        return (FilePath(file), "the variable SSL_CERT_FILE")
    }

    func checkMountpoint() throws(ProgramError) -> Mountpoint {
        do {
            return try Mountpoint.check(mountpoint)
        } catch {
            throw ProgramError(error.description)
        }
    }

    var request: MountRequest {
        let access: MountRequest.Access =
            options.allowsOther ? .everyone : options.allowsRoot ? .ownerAndRoot : .owner
        return MountRequest(source: source, access: access, forbidsExecution: options.forbidsExecution)
    }

    func cacheDirectory() throws(ProgramError) -> FilePath {
        try Self.cacheDirectory(options, environment: environment)
    }

    static func cacheDirectory(
        _ options: MountOptions, environment: [String: String]
    ) throws(ProgramError) -> FilePath {
        if let directory = options.cacheDirectory { return FilePath(directory) }
        if CurrentUser.isRoot { return "/var/cache/iesfs" }
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") { return FilePath("\(base)/iesfs") }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw ProgramError("there is no home directory to keep results in; name a directory with -o cache_dir=DIR")
        }
        return FilePath("\(home)/.cache/iesfs")
    }

    /// Where messages of this mount go.
    func logDestination(inForeground: Bool) throws(ProgramError) -> LogDestination {
        switch options.log {
        case .standardError? where !inForeground:
            throw ProgramError(
                "log=stderr needs --foreground: there is no standard error in the background", status: .usage)
        case let log?: return log
        case nil:
            return inForeground
                ? .standardError : .standard(isRoot: CurrentUser.isRoot, environment: environment)
        }
    }
}
