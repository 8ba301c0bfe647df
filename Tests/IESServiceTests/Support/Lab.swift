// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESSimulator
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import IESService

/// A client of a simulated service in process; the clock of both is the test's.
final class Lab: Sendable {
    static let start = Date(timeIntervalSince1970: 1_773_562_530)

    /// Keeps what is sent on its way to the service.
    final class Wire: Transport {
        private let service: SimulatorTransport
        private let log = Mutex<[TransportRequest]>([])

        init(_ service: SimulatedService) { self.service = SimulatorTransport(service: service) }

        var requests: [TransportRequest] { log.withLock { $0 } }

        func exchange(_ request: TransportRequest, with receiver: some ResponseReceiver) async throws(TransportError) {
            log.withLock { $0.append(request) }
            try await service.exchange(request, with: receiver)
        }
    }

    let service: SimulatedService
    let wire: Wire
    let client: ServiceClient
    let settings: ServiceSettings
    let clock: Clock
    let store: CredentialStore
    let logger: Logger
    let lines = LogLines()
    static let task = TaskID(rawValue: "t1")!

    /// - Parameters:
    ///   - clockError: How far this machine's clock is ahead of the service's.
    ///   - movesClock: Waiting moves the clock: only where nothing happens at once.
    init(
        environment: [String: String] = [:], configuration: CredentialConfiguration = CredentialConfiguration(),
        hasMetadata: Bool = false, clockError: Duration = .zero, movesClock: Bool = false
    ) throws {
        let clock = Clock()
        let origin = ContinuousClock.now
        service = SimulatedService(now: { Self.start + clock.seconds })
        service.add(SimulatedResult(Self.task, content: .text("result")))
        wire = Wire(service)
        var settings = ServiceSettings()
        settings.retries = 0
        settings.now = { Self.start + clock.seconds + clockError / .seconds(1) }
        settings.instant = { origin + clock.elapsed }
        settings.sleep = { clock.advance(by: $0) }
        settings.turn = { instant in
            guard movesClock else { return try await Task.sleep(for: .seconds(86_400)) }
            clock.advance(to: origin.duration(to: instant))
        }
        settings.alarm = { _ in try await Task.sleep(for: .seconds(86_400)) }
        settings.random = { 0.5 }
        self.settings = settings
        self.clock = clock
        var configuration = configuration
        configuration.identity = try Endpoint.parse("http://127.0.0.1:2")
        if hasMetadata { configuration.metadata = try Endpoint.parse("http://127.0.0.1:3") }
        store = CredentialStore(configuration, environment: environment)
        let lines = lines
        logger = Logger(label: "test") { _ in RecordingLog(lines: lines) }
        client = ServiceClient(
            endpoint: try Endpoint.parse("http://127.0.0.1:1"), transport: wire, credentials: store, settings: settings,
            logger: logger)
    }

    /// Nil: the bytes have come.
    @discardableResult
    func read(_ task: TaskID = task, project: ProjectID? = nil, seconds: Int = 30) async -> ServiceFailure? {
        let receiver = RecordingReceiver()
        do throws(ServiceFailure) {
            try await client.result(
                ResultID(project: project ?? service.project, task: task),
                deadline: settings.instant() + .seconds(seconds), receiver: receiver)
            #expect(receiver.bytes == Array("result".utf8))
            return nil
        } catch {
            return error
        }
    }

    /// As many at once; those that failed.
    func readAll(_ count: Int) async -> [ServiceFailure] {
        await withTaskGroup(of: ServiceFailure?.self) { group in
            for _ in 0..<count { group.addTask { await self.read() } }
            return await group.reduce(into: []) { if let failure = $1 { $0.append(failure) } }
        }
    }

    func count(_ operation: IESSimulator.Operation) -> Int {
        service.log.entries.count { $0.operation == operation.rawValue }
    }

    static func status(_ failure: ServiceFailure?) -> Int? {
        guard case .refused(let error)? = failure else { return nil }
        return error.status
    }
}

/// Moves only when told.
final class Clock: Sendable {
    private let state = Mutex<Duration>(.zero)
    var elapsed: Duration { state.withLock { $0 } }
    var seconds: TimeInterval { elapsed / .seconds(1) }
    func advance(by time: Duration) { state.withLock { $0 += time } }
    func advance(to time: Duration) { state.withLock { $0 = max($0, time) } }
}
