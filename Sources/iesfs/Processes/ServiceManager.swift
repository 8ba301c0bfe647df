// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells systemd, or whoever listens at `NOTIFY_SOCKET`, how the service is (sd_notify(3)).
struct ServiceManager: Sendable {
    static let variable = "NOTIFY_SOCKET"

    private let socket: DatagramSocket?
    /// How often it wants to hear of us, halved; nil: it does not.
    let watchdogInterval: Duration?

    /// Silent where nobody listens.
    init(environment: [String: String]) {
        let path = environment[Self.variable] ?? ""
        let wanted = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdogInterval = environment["WATCHDOG_USEC"].flatMap { wanted ? Int64($0) : nil }.flatMap {
            $0 > 0 && !path.isEmpty ? .microseconds($0 / 2) : nil
        }
        socket = path.isEmpty ? nil : DatagramSocket(connectedTo: path)
    }

    func ready(_ status: String) { send(["READY=1", "MAINPID=\(getpid())", "STATUS=\(status)"]) }
    func stopping() { send(["STOPPING=1", "STATUS=Unmounting"]) }
    func isAlive() { send(["WATCHDOG=1"]) }
    func status(_ text: String) { send(["STATUS=\(text)"]) }

    private func send(_ assignments: [String]) {
        let lines = assignments.map { String($0.map { $0.isNewline ? " " : $0 }) }
        _ = socket?.send(Array(lines.joined(separator: "\n").utf8))
    }
}
