// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging

/// Sends messages to the journal in its native datagram protocol, or to syslog.
struct SystemLog: Sendable {
    private enum Form { case journal, syslog }

    static let journalPath = "/run/systemd/journal/socket"
    static let syslogPath = "/dev/log"

    private let form: Form
    private let socket: DatagramSocket

    static var isPresent: Bool { access(journalPath, W_OK) == 0 || access(syslogPath, W_OK) == 0 }

    /// Nil where the machine has neither.
    init?() {
        if let socket = DatagramSocket(connectedTo: Self.journalPath) {
            self.init(form: .journal, socket: socket)
        } else if let socket = DatagramSocket(connectedTo: Self.syslogPath) {
            self.init(form: .syslog, socket: socket)
        } else {
            return nil
        }
    }

    private init(form: Form, socket: DatagramSocket) {
        self.form = form
        self.socket = socket
    }

    /// Never waits; a message the receiver has no room for is dropped.
    func write(_ message: String, level: Logger.Level) {
        switch form {
        case .journal: socket.send(Self.journalEntry(message, level: level))
        case .syslog: socket.send(Self.syslogEntry(message, level: level, process: getpid()))
        }
    }

    /// One entry as sd_journal_send(3) would send it: a value with line ends carries its length.
    static func journalEntry(_ message: String, level: Logger.Level) -> [UInt8] {
        var entry = Array("PRIORITY=\(level.severity)\nSYSLOG_IDENTIFIER=iesfs\n".utf8)
        // Larger datagrams would have to be handed over as a file.
        let text = Array(message.utf8.prefix(32_768))
        if text.contains(UInt8(ascii: "\n")) {
            entry += Array("MESSAGE\n".utf8)
            entry += withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        } else {
            entry += Array("MESSAGE=".utf8)
        }
        return entry + text + [UInt8(ascii: "\n")]
    }

    /// One line in the form that glibc's syslog(3) sends, without a time: the receiver adds it.
    static func syslogEntry(_ message: String, level: Logger.Level, process: Int32) -> [UInt8] {
        let daemonFacility = 3 << 3
        let line = message.prefix(8_000).map { $0.isNewline ? " " : $0 }
        return Array("<\(daemonFacility | level.severity)>iesfs[\(process)]: \(String(line))".utf8)
    }
}

extension Logger.Level {
    /// As syslog(3) numbers them.
    var severity: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
