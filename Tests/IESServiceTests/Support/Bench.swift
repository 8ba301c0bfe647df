// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import Logging
import Synchronization

/// A client on a scripted transport, with a clock that only waiting moves.
final class Bench: Sendable {
    static let secretKey = "canary-secret-key"
    static let accessKey = "CANARYACCESSKEY"
    static let token = "canary-token"
    static let keys = ["HUAWEICLOUD_SDK_AK": accessKey, "HUAWEICLOUD_SDK_SK": secretKey]
    /// 2026-03-15T08:15:30Z
    static let start = Date(timeIntervalSince1970: 1_773_562_530)

    private struct State {
        var elapsed: Duration = .zero
        var waits: [Duration] = []
    }

    let transport: ScriptedTransport
    let client: ServiceClient
    let lines = LogLines()
    private let state: Box<State>
    private let origin: ContinuousClock.Instant

    /// - Parameter alarm: Waits for the deadline; by default it never comes while a request is under way.
    init(
        _ transport: ScriptedTransport, endpoint: String = "https://example.com", environment: [String: String] = keys,
        start: Date = start, random: Double = 0.5, retries: Int = 5, rate: RequestRate? = nil,
        isInRealTime: Bool = false,
        alarm: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(86_400)) }
    ) throws {
        let state = Box(State())
        let origin = ContinuousClock.now
        var settings = ServiceSettings()
        settings.retries = retries
        settings.rate = rate
        settings.random = { random }
        if !isInRealTime {
            settings.now = { start.addingTimeInterval(state.value.withLock { $0.elapsed } / .seconds(1)) }
            settings.instant = { origin + state.value.withLock { $0.elapsed } }
            settings.sleep = { duration in
                try Task.checkCancellation()
                state.value.withLock {
                    $0.elapsed += duration
                    $0.waits.append(duration)
                }
            }
            settings.alarm = { _ in try await alarm() }
            settings.turn = { instant in
                try Task.checkCancellation()
                state.value.withLock { $0.elapsed = max($0.elapsed, origin.duration(to: instant)) }
            }
        }
        self.transport = transport
        self.state = state
        self.origin = origin
        let lines = lines
        client = ServiceClient(
            endpoint: try Endpoint.parse(endpoint), transport: transport,
            credentials: CredentialStore(CredentialConfiguration(), environment: environment), settings: settings,
            logger: Logger(label: "test") { _ in RecordingLog(lines: lines) })
    }

    /// The time that has passed, by the clock that only waiting moves.
    var elapsed: Duration { state.value.withLock { $0.elapsed } }

    /// The waits between tries.
    var waits: [Duration] { state.value.withLock { $0.waits } }

    func deadline(_ seconds: Int = 30) -> ContinuousClock.Instant { origin + .seconds(seconds) }

    static let project = ProjectID(rawValue: "p1")!
    static let id = ResultID(project: project, task: TaskID(rawValue: "t1")!)

    /// The failure of a call for the result; nil when it went well.
    func result(
        _ range: Range<Int64>? = nil, of id: ResultID = id, ifRange: Validator? = nil, revalidating: Validator? = nil,
        deadline: Int = 30,
        into receiver: RecordingReceiver = RecordingReceiver()
    ) async -> ServiceFailure? {
        do throws(ServiceFailure) {
            try await client.result(
                id, range: range, ifRange: ifRange, revalidating: revalidating, deadline: self.deadline(deadline),
                receiver: receiver)
            return nil
        } catch {
            return error
        }
    }
}

private final class Box<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// What was logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

struct RecordingLog: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    init(lines: LogLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.add("\(event.level) \(event.message)")
    }
}

/// Off until it is turned on.
final class Switch: Sendable {
    private let state = Mutex(false)
    var isOn: Bool { state.withLock { $0 } }
    func turnOn() { state.withLock { $0 = true } }
}
