// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc

/// `iesfs doctor`
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything a mount needs, and say what to do about what is wrong.",
        discussion: """
            Give it what 'iesfs mount' gets, as the same user. It looks at versions, kernel, configuration, \
            credentials, the way to the service step by step, one request with the credentials, the cache directory \
            and the mounts of this host. It changes nothing, and shows no secret.

            Exit status: 0 if nothing failed, 1 if something did.

            Examples:
              iesfs doctor cn-north-4 -o projects=PROJECT_ID
              iesfs doctor cn-north-4 -o credentials=/etc/iesfs/credentials --json
            """)

    @Argument(help: "A region (cn-north-4) or the URL of an endpoint; without it the service is not looked at.")
    var source: String?

    @Option(
        name: [.customShort("o", allowingJoined: true)], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Options as for iesfs mount, separated by commas; may be repeated.", valueName: "options"))
    var options: [String] = []

    @Option(help: "The configuration file, in YAML (default: \(ConfigurationFile.standardPath)).", completion: .file())
    var config: String?

    @Flag(help: "As JSON: ok, and the findings, each with section, name, verdict, value and advice.")
    var json = false

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let doctor = Doctor(
            source: source, arguments: options, environment: ProcessEnvironment.current,
            configuration: (config ?? ConfigurationFile.standardPath, config != nil),
            workingDirectory: FileManager.default.currentDirectoryPath)
        let report = doctor.run()
        StandardOutput.write(json ? report.json : report.text)
        // A mount that hangs may hold a thread of this process.
        _exit(report.status.rawValue)
    }
}
