// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
package import IESService

/// Exchanges with a simulated service in process: no sockets, the same answers and faults.
///
/// Faults become what libcurl would report: a cut body is `.bodyCutShort`, a reset `.connectionReset`,
/// silence `.timedOut` after the request's `stallTimeout`. `Fault.transport` throws what it holds.
package struct SimulatorTransport: Transport {
    private let service: SimulatedService

    package init(service: SimulatedService) { self.service = service }

    package func exchange(
        _ request: TransportRequest, with receiver: some ResponseReceiver
    ) async throws(TransportError) {
        let transfer = InProcessTransfer()
        let (number, response) = service.answer(SimulatedRequest(request))
        let delivery = InProcessDelivery(
            response: response, request: request, receiver: receiver, transfer: transfer, log: service.log,
            number: number)
        let result: Result<Void, TransportError> = await withTaskCancellationHandler {
            do throws(TransportError) {
                return .success(try await delivery.run())
            } catch {
                return .failure(error)
            }
        } onCancel: {
            transfer.cancel()
        }
        switch result {
        case .success: service.log.end(number, .complete)
        case .failure(.stopped), .failure(.cancelled), .failure(.timedOut): service.log.end(number, .abandoned)
        case .failure: service.log.end(number, .cut)
        }
        try result.get()
    }
}

extension SimulatedRequest {
    fileprivate init(_ request: TransportRequest) {
        var fields = [HeaderField("Host", request.head.authority ?? "")]
        for field in request.head.headerFields { fields.append(HeaderField(field.name.rawName, field.value)) }
        self.init(
            method: request.head.method.rawValue, target: request.head.path ?? "/", fields: fields, body: request.body)
    }
}
