// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESService
import Testing

/// What the client really sends is what the official signer would have signed: the vectors again, end to end.
@Suite struct SignedOnTheWireTests {
    private func vector(_ name: String) throws -> SigningVector {
        try #require(SigningVector.all.first { $0.name == name })
    }

    private func environment(_ vector: SigningVector) -> [String: String] {
        var environment = ["HUAWEICLOUD_SDK_AK": vector.ak, "HUAWEICLOUD_SDK_SK": vector.sk]
        environment["HUAWEICLOUD_SDK_SECURITY_TOKEN"] = vector.headers.first { $0[0] == "X-Security-Token" }?[1]
        return environment
    }

    private func id(_ vector: SigningVector) throws -> ResultID {
        let segments = try #require(vector.path_segments_raw)
        return ResultID(
            project: try #require(ProjectID(rawValue: segments[1])),
            task: try #require(segments.last.flatMap(TaskID.init)))
    }

    @Test(arguments: [
        ("result-minimal", 1_773_562_530.0), ("result-temporary-credentials", 1_798_761_599),
    ])
    func `a request for a result has the official signature`(name: String, seconds: Double) async throws {
        let vector = try vector(name)
        let id = try id(vector)
        let bench = try Bench(
            ScriptedTransport(.body(200, [])), endpoint: vector.host, environment: environment(vector),
            start: Date(timeIntervalSince1970: seconds))
        #expect(await bench.result(of: id) == nil)
        let head = try #require(bench.transport.requests.first).head
        #expect(head.authority == vector.host)
        #expect(head.path == vector.expected.request_target)
        #expect(head.headerFields[.authorization] == vector.expected.authorization)
        for field in vector.expected.headers_out where field[0] != "Host" {
            #expect(head.headerFields[try #require(HTTPField.Name(field[0]))] == field[1])
        }
    }

    @Test func `a redirect at the endpoint is signed with the query of its address`() async throws {
        let minimal = try vector("result-minimal")
        let vector = try vector("list-offset-limit")
        let location = "/v2/0a1b2c3d4e5f60718293a4b5c6d7e8f9/ies/task?offset=10&limit=50"
        let bench = try Bench(
            ScriptedTransport(.text(302, "", ["Location: \(location)"]), .body(200, [])), endpoint: vector.host,
            environment: environment(vector))
        let id = try id(minimal)
        #expect(await bench.result(of: id) == nil)
        let head = try #require(bench.transport.requests.last).head
        #expect(head.path == location)
        #expect(head.headerFields[.authorization] == vector.expected.authorization)
    }
}
