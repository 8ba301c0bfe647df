// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import HTTPTypes
import Synchronization

/// What an endpoint says to a request that carries no credentials.
package struct EndpointGreeting: Hashable, Sendable {
    package let status: Int
    /// Its clock.
    package let date: Date?

    /// Asks once; any answer is one.
    package static func ask(
        _ endpoint: Endpoint, over transport: any Transport, settings: ServiceSettings
    ) async throws(TransportError) -> EndpointGreeting {
        let receiver = HeadReceiver()
        let request = RequestBuilder(
            call: .greeting, url: AbsoluteURL(origin: endpoint, target: ServiceCall.greeting.target), settings: settings
        ).request(with: nil, at: settings.now(), connectTimeout: settings.connectTimeout)
        do throws(TransportError) {
            try await transport.exchange(request, with: receiver)
        } catch {
            guard receiver.head != nil else { throw error }
        }
        guard let head = receiver.head else { throw .malformedResponse("the endpoint sent no response") }
        return EndpointGreeting(
            status: head.status.code,
            date: head.headerFields[.date].flatMap { HTTPDate.parse($0, now: settings.now()) })
    }
}

/// Wants the head of a response, and no more.
private final class HeadReceiver: ResponseReceiver {
    private let received = Mutex<HTTPResponse?>(nil)

    var head: HTTPResponse? { received.withLock { $0 } }

    func receive(_ head: HTTPResponse, of transfer: any Transfer) -> Flow {
        received.withLock { $0 = head }
        return .stop
    }

    func receive(_ bytes: RawSpan) -> Flow { .stop }
}
