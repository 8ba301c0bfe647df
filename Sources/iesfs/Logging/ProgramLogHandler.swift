// SPDX-License-Identifier: Apache-2.0

import Logging

/// Hands the messages of swift-log to a `LogWriter`.
struct ProgramLogHandler: LogHandler {
    let writer: LogWriter
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let own = event.metadata { all.merge(own) { $1 } }
        let suffix = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let error = event.error.map { " error=\($0)" } ?? ""
        writer.write("\(event.message)\(suffix)\(error)", level: event.level)
    }

    /// Makes this the backend of every logger of the process; to be called once.
    static func install(_ writer: LogWriter, level: Logger.Level) {
        LoggingSystem.bootstrap { _ in ProgramLogHandler(writer: writer, logLevel: level) }
    }
}
