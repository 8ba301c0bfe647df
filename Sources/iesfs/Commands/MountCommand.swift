// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc

/// `iesfs mount`: checks, and leaves a process in the background or stays in the foreground.
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount the results of tasks.",
        discussion: """
            Returns when the mount answers, and leaves a process in the background. Fails with one sentence that \
            says why.

            Credentials are never given here. They come from token_file=, credentials=, IESFS_TOKEN, \
            HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, ~/.huaweicloud/credentials, or the metadata service of a \
            cloud server. SIGHUP has them read again.

            Examples:
              iesfs mount cn-north-4 /mnt/ies
              iesfs mount cn-north-4 /mnt/ies -o token_file=/etc/iesfs/token
              iesfs mount https://ies.example:8443 /mnt/ies -o cacert=/etc/ca.pem
              iesfs mount cn-north-4 /mnt/ies -o allow_other,umask=027,gid=100
              mount -t iesfs cn-north-4 /mnt/ies -o _netdev,nofail

            Options for -o, also taken from the environment (IESFS_CACHE_DIR=…) and from the configuration file \
            (cache_dir: …); -o wins over the environment, which wins over the file. A comma in a value is written \\,

            \(OptionTable.help)

            Sizes take K, M, G, T; times take s, m, h. Also accepted, for fstab: ro, _netdev, nofail, noauto, \
            user, users, x-…, and the dev, suid, exec and atime forms.
            """)

    @Argument(help: "A region (cn-north-4) or the URL of an endpoint.")
    var source: String

    @Argument(help: "An empty directory.", completion: .directory)
    var mountpoint: String

    @Option(
        name: [.customShort("o", allowingJoined: true)], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Options, separated by commas; may be repeated.", valueName: "options"))
    var options: [String] = []

    @Flag(help: "Stay, log to standard error, and tell systemd when ready (Type=notify).")
    var foreground = false

    @Option(help: "The configuration file, in YAML (default: \(ConfigurationFile.standardPath)).", completion: .file())
    var config: String?

    @Flag(name: .shortAndLong, help: "Say more in the log (log_level=debug), and where it goes.")
    var verbose = false

    @Option(help: .hidden)
    var reportTo: Int32?

    func run() throws {
        if let reportTo {
            try hold(try job(isResolved: true), reporter: ControlSocket(descriptor: reportTo))
        }
        let job = try job(isResolved: false)
        try job.checkCredentials()
        if foreground { try hold(job, reporter: nil) }
        _ = try job.checkMountpoint()
        let log = try job.logDestination(inForeground: false)
        try Launcher(job: job).run()
        if verbose { StandardError.write("iesfs: mounted at \(job.mountpoint), log: \(log)") }
    }

    /// - Parameter isResolved: The options are complete, because another process of ours made them.
    private func job(isResolved: Bool) throws -> MountJob {
        let environment = ProcessEnvironment.current
        let directory = FileManager.default.currentDirectoryPath
        var given = options
        if verbose { given.insert("log_level=debug", at: 0) }
        let resolved: ResolvedOptions
        do throws(OptionError) {
            resolved =
                if isResolved {
                    try ResolvedOptions(arguments: given, workingDirectory: directory)
                } else {
                    try ResolvedOptions(
                        arguments: given, environment: environment, file: try file(), workingDirectory: directory)
                }
        } catch {
            throw ProgramError(error.description, status: .usage)
        }
        return try MountJob(source: source, mountpoint: mountpoint, resolved: resolved, environment: environment)
    }

    private func file() throws(OptionError) -> (path: String, values: [String: String]) {
        let path = config ?? ConfigurationFile.standardPath
        return (path, try ConfigurationFile.values(ofFile: path, isRequired: config != nil))
    }

    /// Mounts in this process, and ends with it.
    private func hold(_ job: MountJob, reporter: ControlSocket?) throws -> Never {
        do throws(ProgramError) {
            try Holder(job, reporter: reporter).run().end()
        } catch {
            guard let reporter else { throw error }
            reporter.send(.failed(error.description, error.status))
            error.status.end()
        }
    }
}
