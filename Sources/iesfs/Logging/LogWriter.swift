// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Synchronization

/// Writes lines to where the messages of this process go.
final class LogWriter: Sendable {
    private enum Sink {
        case system(SystemLog)
        case stream(Int32)
        case file(path: String, descriptor: Int32)
    }

    private let sink: Mutex<Sink>
    /// What sets lines of several mounts in one file apart.
    private let label: String
    /// systemd reads priorities from the start of a line of standard error.
    private let hasPriorityPrefix: Bool

    /// - Throws: A sentence if a file cannot be opened.
    init(_ destination: LogDestination, label: String, hasPriorityPrefix: Bool = false) throws(ProgramError) {
        self.label = label
        self.hasPriorityPrefix = hasPriorityPrefix
        switch destination {
        case .standardError:
            sink = Mutex(.stream(STDERR_FILENO))
        case .journal:
            guard let system = SystemLog() else {
                throw ProgramError("log=journal: this machine has neither a journal nor a syslog; use log=FILE")
            }
            sink = Mutex(.system(system))
        case .file(let path):
            sink = Mutex(.file(path: path, descriptor: try Self.open(path)))
        }
    }

    func write(_ message: String, level: Logger.Level) {
        sink.withLock { sink in
            switch sink {
            case .system(let system):
                system.write(label.isEmpty ? message : "\(label): \(message)", level: level)
            case .stream(let descriptor):
                let prefix = hasPriorityPrefix ? "<\(level.severity)>" : "iesfs: \(level): "
                Self.write(prefix + Self.oneLine(message) + "\n", to: descriptor)
            case .file(_, let descriptor):
                let line = "\(Self.timestamp()) \(level) [\(getpid())] \(label): \(Self.oneLine(message))\n"
                Self.write(line, to: descriptor)
            }
        }
    }

    /// Opens a file anew, after it was renamed by logrotate; keeps the old one if that fails.
    func reopen() {
        sink.withLock { sink in
            guard case .file(let path, let old) = sink, let new = try? Self.open(path) else { return }
            sink = .file(path: path, descriptor: new)
            close(old)
        }
    }

    private static func open(_ path: String) throws(ProgramError) -> Int32 {
        makeDirectories(above: path)
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else {
            throw ProgramError("the log file \(path) cannot be opened: \(CurrentError.text)")
        }
        return descriptor
    }

    private static func makeDirectories(above path: String) {
        var prefix = ""
        for part in path.split(separator: "/").dropLast() {
            prefix += "/\(part)"
            // What exists already, or cannot be made, shows when the file is opened.
            mkdir(prefix, 0o700)
        }
    }

    /// One call to write(2), so that lines of several processes do not mix.
    private static func write(_ line: String, to descriptor: Int32) {
        let bytes = Array(line.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }

    private static func oneLine(_ message: String) -> String {
        message.contains(where: \.isNewline) ? String(message.map { $0.isNewline ? " " : $0 }) : message
    }

    /// The local time with its offset, as RFC 3339 has it.
    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var fields = tm()
        localtime_r(&now.tv_sec, &fields)
        var buffer = [CChar](repeating: 0, count: 40)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S%z", &fields)
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension LogWriter {
    /// Where the processes of a mount write.
    static func standard(for job: MountJob, inForeground: Bool) throws(ProgramError) -> LogWriter {
        let destination = try job.logDestination(inForeground: inForeground)
        let isJournalStream = destination == .standardError && job.environment["JOURNAL_STREAM"] != nil
        return try LogWriter(destination, label: job.mountpoint, hasPriorityPrefix: isJournalStream)
    }
}
