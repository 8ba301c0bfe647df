// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import IESService

@Suite struct DigestTests {
    @Test func `SHA-256 gives the values of FIPS 180-4`() {
        #expect(Digest.sha256([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            Digest.sha256(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `HMAC-SHA-256 gives the values of RFC 4231`() {
        #expect(
            Digest.hmacSHA256(key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            Digest.hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    /// The Go SDK's own test: a canonical request in which only the date is signed.
    @Test func `the second published anchor is reproduced`() {
        let canonical = """
            GET
            /path/
            limit=1
            x-sdk-date:20060102T150405Z

            x-sdk-date
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            """
        let toSign = "SDK-HMAC-SHA256\n20060102T150405Z\n\(Digest.sha256(Array(canonical.utf8)))"
        #expect(
            Digest.hmacSHA256(key: Array("SecretKey".utf8), Array(toSign.utf8))
                == "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624")
    }

    @Test(arguments: [
        (0.0, "19700101T000000Z"), (1_573_789_015, "20191115T033655Z"), (1_136_214_245.9, "20060102T150405Z"),
        (951_782_400, "20000229T000000Z"), (4_102_444_799, "20991231T235959Z"), (-1, "19691231T235959Z"),
    ])
    func `a moment is written as X-Sdk-Date wants it`(seconds: Double, text: String) {
        #expect(SigningDate.text(Date(timeIntervalSince1970: seconds)) == text)
    }
}
