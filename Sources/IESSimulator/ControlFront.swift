// SPDX-License-Identifier: Apache-2.0

/// Takes orders for a running simulator over HTTP.
struct ControlFront: Sendable {
    unowned let server: SimulatorServer

    static func handles(_ request: SimulatedRequest) -> Bool { request.path.hasPrefix("/_simulator/") }

    func answer(_ request: SimulatedRequest) async -> SimulatedResponse { SimulatedResponse(status: 404) }
}
