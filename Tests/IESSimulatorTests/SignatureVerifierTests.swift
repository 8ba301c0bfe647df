// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import IESSimulator

@Suite struct SignatureVerifierTests {
    /// One vector of `signing-vectors.json`, made by the official signer.
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        struct Expected: Decodable, Sendable {
            let authorization: String
            let request_target: String
            let headers_out: [[String]]
        }
        let name: String
        let method: String
        let body: String?
        let sk: String
        let date: String
        let expected: Expected

        var testDescription: String { name }

        var request: SimulatedRequest {
            SimulatedRequest(
                method: method, target: expected.request_target,
                fields: expected.headers_out.map { HeaderField($0[0], $0[1]) }, body: Array((body ?? "").utf8))
        }
    }

    static let vectors: [Vector] = {
        struct File: Decodable { let vectors: [Vector] }
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "IESServiceTests/Vectors/signing-vectors.json")
        guard let data = try? Data(contentsOf: path), let file = try? JSONDecoder().decode(File.self, from: data)
        else { return [] }
        return file.vectors
    }()

    private func verify(_ vector: Vector, _ request: SimulatedRequest, secret: String? = nil, late: Double = 0) throws {
        let claim = try #require(SignatureVerifier.Claim(vector.expected.authorization))
        let now = try #require(Times.parseCompact(vector.date))
        try SignatureVerifier(secretKey: secret ?? vector.sk, now: now + late).verify(claim, of: request)
    }

    @Test func `there are forty vectors`() { #expect(Self.vectors.count == 40) }

    @Test(arguments: vectors) func `what the official signer signed is accepted`(vector: Vector) throws {
        try verify(vector, vector.request)
    }

    @Test(arguments: vectors) func `another secret, method, path or body is refused`(vector: Vector) throws {
        var method = vector.request
        method.method = "PATCH"
        var path = vector.request
        path.target = "/x" + path.target
        var query = vector.request
        query.target += query.target.contains("?") ? "&z=1" : "?z=1"
        for changed in [method, path, query] {
            #expect(throws: SignatureVerifier.Failure.self) { try verify(vector, changed) }
        }
        #expect(throws: SignatureVerifier.Failure.self) { try verify(vector, vector.request, secret: "another") }
        if vector.request.fields.first("X-Sdk-Content-Sha256") == nil {
            var body = vector.request
            body.body.append(0)
            #expect(throws: SignatureVerifier.Failure.self) { try verify(vector, body) }
        }
    }

    @Test(arguments: [("-900", true), ("900", true), ("-901", false), ("901", false)])
    func `a date is accepted within fifteen minutes`(late: String, isAccepted: Bool) throws {
        let vector = try #require(Self.vectors.first { $0.name == "result-minimal" })
        let seconds = try #require(Double(late))
        if isAccepted {
            try verify(vector, vector.request, late: seconds)
        } else {
            #expect(throws: SignatureVerifier.Failure.outsideWindow) {
                try verify(vector, vector.request, late: seconds)
            }
        }
    }

    @Test func `the published example has the published signature`() throws {
        let request = SimulatedRequest(
            method: "GET",
            target: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
            fields: [
                HeaderField("Content-Type", "application/json"), HeaderField("Host", "service.region.example.com"),
                HeaderField("X-Sdk-Date", "20191115T033655Z"),
            ])
        let claim = try #require(
            SignatureVerifier.Claim(
                "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, "
                    + "Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"))
        try SignatureVerifier(
            secretKey: "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
            now: try #require(Times.parseHTTP("Fri, 15 Nov 2019 03:36:55 GMT"))
        ).verify(claim, of: request)
    }

    @Test func `a signature that leaves out the date is refused`() throws {
        let claim = try #require(
            SignatureVerifier.Claim("SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=00"))
        let request = SimulatedRequest(
            method: "GET", target: "/",
            fields: [HeaderField("Host", "h"), HeaderField("X-Sdk-Date", "20191115T033655Z")])
        let now = try #require(Times.parseCompact("20191115T033655Z"))
        #expect(throws: SignatureVerifier.Failure.headerMissing("x-sdk-date")) {
            try SignatureVerifier(secretKey: "s", now: now).verify(claim, of: request)
        }
    }

    @Test(arguments: [
        "", "Basic abc", "SDK-HMAC-SHA256", "SDK-HMAC-SHA256 Access=a",
        "SDK-HMAC-SHA256 Access=, SignedHeaders=a, Signature=b",
        "SDK-HMAC-SHA256 Access=a, SignedHeaders=b, Signature=c, More=d",
    ])
    func `what is no claim is no claim`(text: String) { #expect(SignatureVerifier.Claim(text) == nil) }

    /// FIPS 180-2 appendix B, RFC 4231 test cases 1, 2 and 6.
    @Test func `digests have the published values`() {
        #expect(
            SHA256Digest.hex(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Hex.text(Authenticator.hmac(key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8)))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            Hex.text(Authenticator.hmac(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            Hex.text(
                Authenticator.hmac(
                    key: [UInt8](repeating: 0xAA, count: 131),
                    Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}
