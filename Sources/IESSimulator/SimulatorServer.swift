// SPDX-License-Identifier: Apache-2.0

import IESService
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP/1.1 front of a simulated service, on loopback.
///
/// Every byte it sends is as the service planned it; nothing is tidied up. Below `/_simulator/` it takes
/// orders (`ControlFront`), which are not logged as calls.
package final class SimulatorServer: Sendable {
    private struct Listener {
        let host: String
        let port: Int
        let isLinkPort: Bool
        var channel: (any Channel)?
    }

    private struct State {
        var listeners: [Listener] = []
        var connections: [ObjectIdentifier: any Channel] = [:]
        /// Connections that brought orders; they survive an outage they asked for.
        var controls: Set<ObjectIdentifier> = []
    }

    package let service: SimulatedService
    private let logger: Logger
    private let state = Mutex(State())

    package init(service: SimulatedService, logger: Logger = Logger(label: "iesfs.simulator")) {
        self.service = service
        self.logger = logger
    }

    /// Listens, and returns the port: `port`, or a free one for 0.
    @discardableResult
    package func start(host: String = "127.0.0.1", port: Int = 0) async throws -> Int {
        try await listen(host: host, port: port, isLinkPort: false)
    }

    /// Listens on a second port, where links lead with `Behaviour.Redirects.otherPort`. To a client it
    /// is another origin.
    @discardableResult
    package func startLinkPort(host: String = "127.0.0.1", port: Int = 0) async throws -> Int {
        let port = try await listen(host: host, port: port, isLinkPort: true)
        service.setLinkAuthority("\(host.contains(":") ? "[\(host)]" : host):\(port)")
        return port
    }

    /// Closes every port and connection.
    package func stop() async {
        state.withLock { $0.controls.removeAll() }
        await suspend()
        state.withLock { $0.listeners.removeAll() }
    }

    /// Takes the service off the network: ports closed, so that connections are refused, and every
    /// connection reset. `resume` listens on the same ports again.
    package func suspend() async {
        let (channels, connections) = state.withLock { state in
            let channels = state.listeners.compactMap(\.channel)
            for index in state.listeners.indices { state.listeners[index].channel = nil }
            return (channels, state.connections.filter { !state.controls.contains($0.key) }.map(\.value))
        }
        for channel in channels { try? await channel.close() }
        for connection in connections { try? await Self.reset(connection) }
    }

    package func resume() async throws {
        let waiting = state.withLock { $0.listeners.filter { $0.channel == nil } }
        for listener in waiting {
            let channel = try await bind(host: listener.host, port: listener.port)
            state.withLock { state in
                guard let index = state.listeners.firstIndex(where: { $0.port == listener.port }) else { return }
                state.listeners[index].channel = channel
            }
        }
    }

    /// Resets every connection; the ports stay open.
    package func resetConnections() async {
        for connection in state.withLock({ Array($0.connections.values) }) { try? await Self.reset(connection) }
    }

    func exempt(_ channel: any Channel) {
        state.withLock { _ = $0.controls.insert(ObjectIdentifier(channel)) }
    }

    /// Connections open at this moment.
    package var connectionCount: Int { state.withLock { $0.connections.count } }

    private func listen(host: String, port: Int, isLinkPort: Bool) async throws -> Int {
        let channel = try await bind(host: host, port: port)
        guard let port = channel.localAddress?.port else { preconditionFailure("a listening socket has a port") }
        state.withLock {
            $0.listeners.append(Listener(host: host, port: port, isLinkPort: isLinkPort, channel: channel))
        }
        logger.debug("listening", metadata: ["port": "\(port)"])
        return port
    }

    private func bind(host: String, port: Int) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.adopt(channel) }
            }
            .bind(host: host, port: port).get()
    }

    private func adopt(_ channel: any Channel) throws {
        let key = ObjectIdentifier(channel)
        state.withLock { $0.connections[key] = channel }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                state.connections[key] = nil
                state.controls.remove(key)
            }
        }
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
        try channel.pipeline.syncOperations.addHandler(decoder)
        try channel.pipeline.syncOperations.addHandler(
            ConnectionHandler(service: service, control: ControlFront(server: self)))
    }

    /// Closes with RST instead of FIN.
    static func reset(_ channel: any Channel) async throws {
        if let options = channel as? any SocketOptionProvider {
            try await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try await channel.close()
    }
}
