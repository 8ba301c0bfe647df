// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// One connection: takes requests one after the other and sends what the service planned.
///
/// Bound to its event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private struct Incoming {
        var request: SimulatedRequest
        var keepsAlive: Bool
    }

    private let service: SimulatedService
    private let control: ControlFront
    private var incoming: Incoming?
    private var queue: [Incoming] = []
    private var sender: ResponseSender?
    private var isBusy = false
    private var isCounted = false

    init(service: SimulatedService, control: ControlFront) {
        self.service = service
        self.control = control
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            incoming = Incoming(
                request: SimulatedRequest(
                    method: head.method.rawValue, target: head.uri,
                    fields: head.headers.map { HeaderField($0.name, $0.value) }),
                keepsAlive: head.isKeepAlive)
            if head.headers.first(name: "Expect")?.lowercased() == "100-continue" {
                let line = context.channel.allocator.buffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
                context.writeAndFlush(wrapOutboundOut(line), promise: nil)
            }
        case .body(let bytes): incoming?.request.body += bytes.readableBytesView
        case .end:
            if let complete = incoming { queue.append(complete) }
            incoming = nil
            startNext(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        sender?.pump()
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        sender?.abandon()
        sender = nil
        queue.removeAll()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !isBusy else {
            context.close(promise: nil)
            return
        }
        let line = context.channel.allocator.buffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(line)).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }

    private func startNext(_ context: ChannelHandlerContext) {
        guard !isBusy, !queue.isEmpty else { return }
        isBusy = true
        let next = queue.removeFirst()
        if ControlFront.handles(next.request) {
            control.server.exempt(context.channel)
            let promise = context.eventLoop.makePromise(of: SimulatedResponse.self)
            promise.completeWithTask { [control] in await control.answer(next.request) }
            promise.futureResult.assumeIsolated().whenSuccess { response in
                self.send(response, number: nil, keepsAlive: next.keepsAlive, context)
            }
        } else {
            if !isCounted { service.log.connected() }
            isCounted = true
            let (number, response) = service.answer(next.request)
            send(response, number: number, keepsAlive: next.keepsAlive, context)
        }
    }

    private func send(
        _ response: SimulatedResponse, number: Int?, keepsAlive: Bool, _ context: ChannelHandlerContext
    ) {
        let sender = ResponseSender(response, number: number, log: service.log, context: context) { isReusable in
            self.sender = nil
            self.isBusy = false
            if isReusable && keepsAlive { self.startNext(context) } else { context.close(promise: nil) }
        }
        self.sender = sender
        guard context.channel.isActive else { return sender.abandon() }
        sender.start()
    }
}
