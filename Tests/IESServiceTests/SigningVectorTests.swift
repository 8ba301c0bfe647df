// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import Testing

/// One vector of `signing-vectors.json`, made by the official signer.
struct SigningVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let signed_headers: String
        let canonical_request: String
        let string_to_sign: String
        let authorization: String
        let request_target: String
        let headers_out: [[String]]
    }

    private struct File: Decodable {
        let count: Int
        let vectors: [SigningVector]
    }

    let name: String
    let method: String
    let host: String
    let path: String
    let path_segments_raw: [String]?
    let query: [[String]]
    let headers: [[String]]
    let body: String?
    let ak: String
    let sk: String
    let date: String
    let expected: Expected

    var testDescription: String { name }

    static let all: [SigningVector] = {
        guard
            let url = Bundle.module.url(forResource: "signing-vectors", withExtension: "json", subdirectory: "Vectors"),
            let file = try? JSONDecoder().decode(File.self, from: Data(contentsOf: url)),
            file.count == file.vectors.count
        else { return [] }
        return file.vectors
    }()
}

@Suite struct SigningVectorTests {
    @Test func `there are 40 vectors`() {
        #expect(SigningVector.all.count == 40)
    }

    @Test(arguments: SigningVector.all)
    func `a request is signed as the official signer signs it`(vector: SigningVector) throws {
        let query = vector.query.map { (name: $0[0], value: $0[1]) }
        let signature = RequestSigner.sign(
            RequestSigner.Request(
                method: vector.method, host: vector.host, path: vector.path, query: query,
                headers: vector.headers.map { RequestSigner.Header($0[0], $0[1]) },
                body: Array((vector.body ?? "").utf8)),
            with: AccessKeys(accessKey: vector.ak, secretKey: Secret(vector.sk)), date: vector.date)

        #expect(signature.canonicalRequest == vector.expected.canonical_request)
        #expect(signature.stringToSign == vector.expected.string_to_sign)
        #expect(signature.signedHeaders == vector.expected.signed_headers)
        #expect(signature.authorization == vector.expected.authorization)
        let canonicalQuery = RequestSigner.canonicalQuery(query)
        #expect(vector.path + (query.isEmpty ? "" : "?\(canonicalQuery)") == vector.expected.request_target)

        let out = signature.headers.map { [$0.name, $0.value] }
        let expected = vector.expected.headers_out.filter { !["authorization", "host"].contains($0[0].lowercased()) }
        #expect(Set(out) == Set(expected))
    }

    @Test func `the example of the signing guide has its published signature`() {
        let signature = RequestSigner.sign(
            RequestSigner.Request(
                method: "GET", host: "service.region.example.com", path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
                query: [("limit", "2"), ("marker", "13551d6b-755d-4757-b956-536f674975c0")],
                headers: [RequestSigner.Header("Content-Type", "application/json")]),
            with: AccessKeys(
                accessKey: "QTWAOYTTINDUT2QVKYUC", secretKey: Secret("MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc")),
            date: "20191115T033655Z")
        #expect(
            signature.authorization
                == "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
                + "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe")
    }
}
