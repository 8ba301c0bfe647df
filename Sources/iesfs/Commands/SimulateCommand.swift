// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import IESService
import IESSimulator
import Logging

/// `iesfs simulate`: the service, on this machine.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a service on this machine to try things with.",
        discussion: """
            Prints its endpoint, project, credentials and tasks, and answers until it is interrupted. Its keys and \
            token are no secrets.

            Examples:
              iesfs simulate
              iesfs simulate --port 8080 --data ~/results
              iesfs simulate --switch 'ranges=ignored framing=chunked' --fault 'id=* fault=latency:2s times=ever'

            \(SimulatorHelp.text)
            """)

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on; 0: a free one.")
    var port = 0

    @Option(help: "A second port, for signed links; 0: a free one.")
    var linkPort: Int?

    @Option(help: "Each file of this directory is a result (default: samples).", completion: .directory)
    var data: String?

    @Option(help: "The project's id.")
    var project: String?

    @Option(help: "Size of the large sample.")
    var binarySize = "1G"

    @Option(name: .customLong("switch"), parsing: .singleValue, help: "How it behaves; see below.")
    var switches: [String] = []

    @Option(name: .customLong("result"), parsing: .singleValue, help: "A further task; see below.")
    var results: [String] = []

    @Option(name: .customLong("fault"), parsing: .singleValue, help: "What goes wrong; see below.")
    var faults: [String] = []

    @Option(help: "Write its keys into this profile file, for -o credentials=FILE.", completion: .file())
    var writeCredentials: String?

    func run() throws {
        let configuration = try makeConfiguration()
        let signals = SignalQueue([SIGTERM, SIGINT])
        signal(SIGPIPE, SIG_IGN)
        let writer = try LogWriter(.standardError, label: "")
        ProgramLogHandler.install(writer, level: .warning)
        if let writeCredentials { try writeProfile(configuration, to: writeCredentials) }
        let simulator = try Blocking.run { () throws(ProgramError) in
            do {
                return try await configuration.start()
            } catch let error as OrderError {
                throw ProgramError(String(describing: error), status: .usage)
            } catch {
                throw ProgramError(
                    "the simulator cannot listen on \(configuration.host), port \(configuration.port): \(error)")
            }
        }
        StandardOutput.write(simulator.banner)
        while signals.next() == nil { _ = Poll.wait(for: [signals.descriptor], timeout: nil) }
        Blocking.run { await simulator.stop() }
    }

    private func makeConfiguration() throws(ProgramError) -> SimulateConfiguration {
        var configuration = SimulateConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.linkPort = linkPort
        configuration.dataDirectory = data
        configuration.switches = switches
        configuration.results = results
        configuration.faults = faults
        do {
            configuration.binarySize = try OptionValue.size(binarySize)
        } catch {
            throw ProgramError("--binary-size must be \(error.expectation)", status: .usage)
        }
        if let project {
            guard let id = ProjectID(rawValue: project) else {
                throw ProgramError("--project must be 1 to 128 of A-Z a-z 0-9 . _ -", status: .usage)
            }
            configuration.project = id
        }
        return configuration
    }

    private func writeProfile(_ configuration: SimulateConfiguration, to path: String) throws(ProgramError) {
        let text = "[basic]\nak = \(configuration.accessKey)\nsk = \(configuration.secretKey)\n"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ProgramError("\(path) cannot be written: \(CurrentError.text)") }
        defer { close(descriptor) }
        fchmod(descriptor, 0o600)
        guard write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw ProgramError("\(path) cannot be written: \(CurrentError.text)")
        }
    }
}
