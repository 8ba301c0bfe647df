// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESService
import Testing

/// Retries, redirects, deadlines and clocks.
@Suite struct CallDriverTests {
    private typealias Response = ScriptedTransport.Response

    private static let good = ScriptedTransport.Response.text(200, "result")

    private func refusal(_ failure: ServiceFailure?) -> ServiceError? {
        guard case .refused(let error)? = failure else { return nil }
        return error
    }

    @Test(arguments: [
        Response.text(429, ""), .text(500, ""), .text(502, ""), .text(503, ""), .text(504, ""), .text(408, ""),
        .failure(.connectionRefused("x")), .failure(.connectionReset("x")), .failure(.timedOut(.connect)),
        .text(200, #"{"error_code": "APIG.0308", "error_msg": "slow"}"#, ["Content-Type: application/json"]),
    ])
    fileprivate func `a passing failure is tried again`(response: ScriptedTransport.Response) async throws {
        let bench = try Bench(ScriptedTransport(response, response, Self.good))
        let receiver = RecordingReceiver()
        #expect(await bench.result(into: receiver) == nil)
        #expect(receiver.bytes == Array("result".utf8))
        #expect(bench.waits == [.milliseconds(250), .milliseconds(500)])
    }

    @Test(arguments: [
        TransportError.nameNotResolved(host: "x"), .unreachable("x"), .tls("x"), .malformedResponse("x"), .proxy("x"),
        .timedOut(.response), .other("x"), .cancelled,
    ])
    func `another failure is final`(error: TransportError) async throws {
        let bench = try Bench(ScriptedTransport(.failure(error)))
        #expect(await bench.result() == .transport(error))
        #expect(bench.transport.requests.count == 1)
    }

    @Test(arguments: [400, 401, 403, 404, 405])
    func `a refusal is not tried again with the same keys`(status: Int) async throws {
        let bench = try Bench(ScriptedTransport(.text(status, "")))
        #expect(refusal(await bench.result())?.status == status)
        #expect(bench.transport.requests.count == 1)
    }

    @Test func `retries are as many as set, signed anew each time, with doubling waits`() async throws {
        let bench = try Bench(ScriptedTransport(.text(503, "")), retries: 3)
        #expect(refusal(await bench.result(deadline: 3600))?.status == 503)
        #expect(bench.waits == [.milliseconds(250), .milliseconds(500), .seconds(1)])
        let dates = bench.transport.requests.map { $0.head.headerFields[HTTPField.Name("X-Sdk-Date")!] }
        #expect(dates == ["20260315T081530Z", "20260315T081530Z", "20260315T081530Z", "20260315T081531Z"])
    }

    @Test func `the wait that the service asks for is kept`() async throws {
        let bench = try Bench(
            ScriptedTransport(
                .text(429, "", ["Retry-After: 7"]),
                .text(503, "", ["Date: Sun, 15 Mar 2026 01:00:00 GMT", "Retry-After: Sun, 15 Mar 2026 01:00:03 GMT"]),
                .text(429, "", ["Retry-After: 0"]), Self.good))
        #expect(await bench.result() == nil)
        #expect(bench.waits == [.seconds(7), .seconds(3), .seconds(1)])
    }

    @Test(arguments: ["30", "3600", "99999999999999999999", "Sun, 15 Mar 2027 01:00:00 GMT"])
    func `a wait beyond the deadline is not begun`(wait: String) async throws {
        let bench = try Bench(ScriptedTransport(.text(429, "", ["Retry-After: \(wait)"])))
        let error = refusal(await bench.result(deadline: 30))
        #expect(error?.status == 429)
        #expect(error?.retryAfter ?? .zero >= .seconds(30))
        #expect(bench.waits.isEmpty)
    }

    @Test func `an outage in the middle of a result is outlasted, however often that takes`() async throws {
        let transport = ScriptedTransport { number, _ in
            number < 20 ? .failure(number % 2 == 0 ? .connectionRefused("x") : .timedOut(.connect)) : Self.good
        }
        let bench = try Bench(transport, retries: 1)
        let receiver = RecordingReceiver()
        try await bench.client.result(
            Bench.id, outlastsOutages: true, deadline: bench.deadline(120), receiver: receiver)
        #expect(receiver.bytes == Array("result".utf8))
        #expect(bench.waits.max() == .seconds(5), "it is back for this long at most before it is asked")
    }

    /// As a service does that closes what it had not accepted yet.
    @Test func `a failure after an outage may be tried again as often as one without`() async throws {
        let transport = ScriptedTransport { number, _ in
            number < 12 ? .failure(.connectionRefused("x")) : number < 14 ? .failure(.connectionReset("x")) : Self.good
        }
        let bench = try Bench(transport, retries: 2)
        let receiver = RecordingReceiver()
        try await bench.client.result(
            Bench.id, outlastsOutages: true, deadline: bench.deadline(120), receiver: receiver)
        #expect(receiver.bytes == Array("result".utf8) && transport.requests.count == 15)
    }

    @Test func `an outage is outlasted until the deadline only, and other failures as often as set`() async throws {
        func failure(_ response: Response) async throws -> (ServiceFailure?, Int) {
            let bench = try Bench(ScriptedTransport(response), retries: 1)
            do throws(ServiceFailure) {
                try await bench.client.result(
                    Bench.id, outlastsOutages: true, deadline: bench.deadline(30), receiver: RecordingReceiver())
                return (nil, bench.transport.requests.count)
            } catch {
                return (error, bench.transport.requests.count)
            }
        }
        let lost = try await failure(.failure(.connectionRefused("x")))
        #expect(lost.0 == .transport(.connectionRefused("x")) && (6...12).contains(lost.1), "\(lost)")
        let reset = try await failure(.failure(.connectionReset("x")))
        #expect(reset.0 == .transport(.connectionReset("x")) && reset.1 == 2, "\(reset)")
    }

    @Test func `nothing is asked after the deadline`() async throws {
        let bench = try Bench(ScriptedTransport(Self.good))
        #expect(await bench.result(deadline: 0) == .deadline)
        #expect(bench.transport.requests.isEmpty)
    }

    @Test func `a silent service is given up at the deadline`() async throws {
        let bench = try Bench(ScriptedTransport(.silence), alarm: {})
        #expect(await bench.result() == .deadline)
    }

    @Test func `a refusal that is known at the deadline is the answer, without the rest of its words`() async throws {
        let (heads, isThere) = AsyncStream.makeStream(of: Void.self)
        let transport = ScriptedTransport { _, _ in
            isThere.yield()
            return Response.text(400, #"{"error_code": "MSS.000000001", "error_msg": "so f"#).silent()
        }
        // The head may still be on its way when the alarm is let go: both ends are right, silence is not.
        let bench = try Bench(transport, alarm: { for await _ in heads { break } })
        let failure = await bench.result()
        #expect(failure == .deadline || refusal(failure)?.code == "MSS.000000001")
    }

    @Test func `the deadline does not end a download that has begun`() async throws {
        let (answers, isAnswered) = AsyncStream.makeStream(of: Void.self)
        let (alarms, hasRung) = AsyncStream.makeStream(of: Void.self)
        let bench = try Bench(
            ScriptedTransport(.text(200, "result")),
            alarm: {
                for await _ in answers { break }
                hasRung.yield()
            })
        let receiver = RecordingReceiver { call, transfer in
            guard call == 0 else { return .proceed }
            isAnswered.yield()
            Task {
                for await _ in alarms { break }
                transfer.resume()
            }
            return .pause
        }
        #expect(await bench.result(into: receiver) == nil)
        #expect(receiver.bytes == Array("result".utf8))
    }

    @Test func `a cancelled call ends as cancelled`() async throws {
        let (requests, isAsked) = AsyncStream.makeStream(of: Void.self)
        let transport = ScriptedTransport { _, _ in
            isAsked.yield()
            return .silence
        }
        let bench = try Bench(transport)
        let call = Task { await bench.result() }
        for await _ in requests { break }
        call.cancel()
        #expect(await call.value == .transport(.cancelled))
        #expect(bench.transport.requests.count == 1)
    }

    @Test func `without credentials nothing is asked`() async throws {
        let bench = try Bench(ScriptedTransport(Self.good), environment: [:])
        guard case .credentials(let error)? = await bench.result() else {
            Issue.record("it was asked")
            return
        }
        #expect(error.kind == .missing)
        #expect(bench.transport.requests.isEmpty)
    }
}

extension CallDriverTests {
    private static let secretFields = [
        "Authorization", "X-Auth-Token", "X-Security-Token", "X-Sdk-Date", "X-Project-Id", "Cookie",
    ].map { HTTPField.Name($0)! }

    private func hasSecrets(_ request: TransportRequest) -> Bool {
        Self.secretFields.contains { request.head.headerFields[$0] != nil }
    }

    private func redirect(_ location: String, _ status: Int = 302) -> ScriptedTransport.Response {
        .text(status, "moved", ["Location: \(location)"])
    }

    @Test(arguments: [301, 302, 303, 307, 308], ["k", "t"])
    func `a redirect is followed without secrets to another host`(status: Int, kind: String) async throws {
        let bench = try Bench(
            ScriptedTransport(redirect("https://obs.example.org:8443/b/o?Signature=abc", status), Self.good),
            environment: kind == "t"
                ? ["IESFS_TOKEN": Bench.token] : Bench.keys.merging(["HUAWEICLOUD_SDK_SECURITY_TOKEN": "st"]) { $1 })
        let receiver = RecordingReceiver()
        #expect(await bench.result(0..<100, into: receiver) == nil)
        #expect(receiver.answer?.url == "https://example.com/v2/p1/ies/result/t1")
        let followed = try #require(bench.transport.requests.last)
        #expect(followed.head.authority == "obs.example.org:8443")
        #expect(followed.head.path == "/b/o?Signature=abc")
        #expect(followed.head.headerFields[.range] == "bytes=0-99")
        #expect(followed.head.headerFields[.acceptEncoding] == "identity")
        #expect(!hasSecrets(followed))
        #expect(hasSecrets(bench.transport.requests[0]))
    }

    @Test(arguments: [
        "https://example.com:8443/x", "https://example.com.evil.org/x", "https://www.example.com/x", "//evil.org/x",
    ])
    func `another port or name is another host`(location: String) async throws {
        let bench = try Bench(ScriptedTransport(redirect(location), Self.good))
        #expect(await bench.result() == nil)
        #expect(!hasSecrets(try #require(bench.transport.requests.last)))
    }

    @Test(arguments: [
        ("/other?b=2&a=1", "/other?b=2&a=1"), ("https://EXAMPLE.com:443/o", "/o"), ("t2", "/v2/p1/ies/result/t2"),
    ])
    func `a redirect at the endpoint is signed for its own address`(location: String, path: String) async throws {
        let bench = try Bench(ScriptedTransport(redirect(location), Self.good))
        #expect(await bench.result() == nil)
        let requests = bench.transport.requests
        #expect(requests.map(\.head.authority) == ["example.com", "example.com"])
        #expect(requests[1].head.path == path)
        #expect(requests[1].head.headerFields[.authorization] != nil)
        #expect(requests[1].head.headerFields[.authorization] != requests[0].head.headerFields[.authorization])
    }

    @Test func `a way back to the endpoint gets no credentials`() async throws {
        let bench = try Bench(
            ScriptedTransport(
                redirect("https://evil.org/"), redirect("https://example.com/v2/p1/ies/task/t1"), Self.good))
        #expect(await bench.result() == nil)
        #expect(bench.transport.requests.map(hasSecrets) == [true, false, false])
    }

    @Test func `a link serves the parts of its version until it is refused, and gets no credentials`() async throws {
        let part = ScriptedTransport.Response.text(
            206, "result", ["Content-Range: bytes 0-5/100", "ETag: \"v1\""])
        let transport = ScriptedTransport { number, request in
            guard request.head.authority == "obs.example.org" else {
                return self.redirect("https://obs.example.org/o?Signature=\(number)")
            }
            return number == 3 ? .text(403, "expired") : part
        }
        let bench = try Bench(transport, rate: RequestRate(perSecond: 1, burst: 1))
        let version = Validator(etag: "\"v1\"", lastModified: nil)
        for _ in 0..<3 { #expect(await bench.result(0..<6, ifRange: version) == nil) }
        let asked = transport.requests.map { "\($0.head.authority ?? "")\($0.head.path ?? "")" }
        let result = "example.com/v2/p1/ies/result/t1"
        #expect(
            asked == [
                result, "obs.example.org/o?Signature=0", "obs.example.org/o?Signature=0",
                "obs.example.org/o?Signature=0", result, "obs.example.org/o?Signature=4",
            ])
        for request in transport.requests where request.head.authority == "obs.example.org" {
            #expect(request.head.headerFields[.authorization] == nil)
        }
        // What may have changed is asked of the endpoint.
        #expect(await bench.result(0..<6) == nil)
        #expect(transport.requests.suffix(2).first?.head.authority == "example.com")
    }

    @Test func `five redirects are followed, not six`() async throws {
        func bench(_ count: Int) throws -> Bench {
            try Bench(
                ScriptedTransport { number, _ in
                    number < count ? .text(302, "", ["Location: /r\(number)"]) : Self.good
                })
        }
        #expect(try await bench(5).result() == nil)
        let error = refusal(try await bench(6).result())
        #expect(error?.status == 302)
        #expect(error?.message.contains("5") == true)
    }

    @Test(arguments: [
        "http://example.com/x", "http://evil.org/", "ftp://x/", "https://user:canary@evil.org/", "https://",
        "file:///etc/passwd",
    ])
    func `a redirect to an address that is not safe is refused without repeating it`(location: String) async throws {
        let bench = try Bench(ScriptedTransport(redirect(location), Self.good))
        let error = refusal(await bench.result())
        #expect(error?.status == 302)
        #expect(error?.message.contains("canary") == false)
        #expect(bench.transport.requests.count == 1)
    }

    @Test func `a redirect without an address, or with two, is a refusal`() async throws {
        for fields in [[], ["Location:"], ["Location: /a", "Location: /b"]] {
            let bench = try Bench(ScriptedTransport(.text(302, "", fields)))
            #expect(refusal(await bench.result())?.status == 302)
        }
    }

    @Test func `what another host refuses is a refusal`() async throws {
        let xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        let bench = try Bench(
            ScriptedTransport(redirect("https://obs.example.org/?sig=canary-sig"), .text(403, xml)))
        let error = refusal(await bench.result())
        #expect(error?.status == 403 && error?.code == "AccessDenied" && error?.message == "Request has expired")
        #expect(error?.url == "https://example.com/v2/p1/ies/result/t1")
    }
}

extension CallDriverTests {
    private static let refusedSignature = #"{"error_code": "APIG.0301", "error_msg": "verify failed"}"#

    @Test(arguments: [-3600, 3600, 310, -310, 34_560_000] as [Double])
    func `a wrong clock is corrected once by the service's, and logged`(skew: Double) async throws {
        let date = Bench.start.addingTimeInterval(skew)
        let field = "Date: \(httpDate(date))"
        let bench = try Bench(
            ScriptedTransport(.text(401, Self.refusedSignature, [field]), .text(200, "result", [field])))
        #expect(await bench.result() == nil)
        #expect(bench.waits.isEmpty)
        let signed = bench.transport.requests.map { $0.head.headerFields[HTTPField.Name("X-Sdk-Date")!] }
        #expect(signed[0] == "20260315T081530Z")
        #expect(signed[1] == compact(date))
        #expect(bench.lines.all.filter { $0.hasPrefix("warning") && $0.contains("clock") }.count == 1)

        // It stays corrected: no second wrong try.
        #expect(await bench.result() == nil)
        #expect(bench.transport.requests.count == 3)
        #expect(bench.transport.requests[2].head.headerFields[HTTPField.Name("X-Sdk-Date")!] == signed[1])
    }

    @Test func `a signature that stays refused is not tried a third time`() async throws {
        let bench = try Bench(
            ScriptedTransport(.text(401, Self.refusedSignature, ["Date: Sun, 15 Mar 2026 12:00:00 GMT"])))
        #expect(refusal(await bench.result())?.code == "APIG.0301")
        #expect(bench.transport.requests.count == 2)
    }

    @Test(
        arguments: [
            (401, ["Date: Sun, 15 Mar 2026 08:20:00 GMT"], true), (401, [], true), (401, ["Date: noise"], true),
            (404, ["Date: Sun, 15 Mar 2026 12:00:00 GMT"], true), (403, ["Date: Sun, 15 Mar 2026 12:00:00 GMT"], true),
            (401, ["Date: Sun, 15 Mar 2026 12:00:00 GMT"], false),
        ] as [(Int, [String], Bool)])
    func `other refusals are not the clock's`(status: Int, fields: [String], hasKeys: Bool) async throws {
        let bench = try Bench(
            ScriptedTransport(.text(status, "", fields)), environment: hasKeys ? Bench.keys : ["IESFS_TOKEN": "t"])
        #expect(refusal(await bench.result())?.status == status)
        #expect(bench.transport.requests.count == 1)
    }

    @Test func `another host's refusal says nothing about the clock`() async throws {
        let bench = try Bench(
            ScriptedTransport(
                .text(302, "", ["Location: https://obs.example.org/"]),
                .text(401, "", ["Date: Sun, 15 Mar 2026 12:00:00 GMT"])))
        #expect(refusal(await bench.result())?.status == 401)
        #expect(bench.transport.requests.count == 2)
    }

    private func httpDate(_ date: Date) -> String { format(date, "EEE, dd MMM yyyy HH:mm:ss 'GMT'") }
    private func compact(_ date: Date) -> String { format(date, "yyyyMMdd'T'HHmmss'Z'") }

    private func format(_ date: Date, _ pattern: String) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = pattern
        return formatter.string(from: date)
    }

    @Test func `no secret is in a log, a failure or an answer`() async throws {
        let responses: [ScriptedTransport.Response] = [
            .text(401, Self.refusedSignature, ["Date: Sun, 15 Mar 2026 12:00:00 GMT"]), .text(503, ""),
            .failure(.connectionReset("x")), .text(302, "", ["Location: https://obs.example.org/?sig=canary-sig"]),
            .text(500, ""), .text(403, ""),
        ]
        for environment in [Bench.keys, ["IESFS_TOKEN": Bench.token]] {
            let bench = try Bench(
                ScriptedTransport { number, _ in responses[number % responses.count] }, environment: environment)
            var output = ""
            for _ in 0..<4 { dump(await bench.result(), to: &output) }
            output += bench.lines.all.joined(separator: "\n")
            for request in bench.transport.requests { output += "\(request)" }
            for canary in [Bench.secretKey, Bench.token, Bench.accessKey, "canary-sig", "Signature="] {
                #expect(!output.contains(canary))
            }
            #expect(!bench.lines.all.isEmpty)
        }
    }

    @Test func `a gateway that repeats what was signed shows no secret`() async throws {
        let token = "canary-security-token"
        let message = "verify aksk signature fail, canonical request: GET|/|x-security-token:\(token)|"
        let text = "{\"error_code\": \"APIG.0301\", \"error_msg\": \"\(message)\", \"request_id\": \"\(token)\"}"
        for environment in [
            Bench.keys.merging(["HUAWEICLOUD_SDK_SECURITY_TOKEN": token]) { $1 }, ["IESFS_TOKEN": token],
        ] {
            let bench = try Bench(ScriptedTransport(.text(401, text)), environment: environment)
            let error = refusal(await bench.result())
            #expect(
                error?.message
                    == "verify aksk signature fail, canonical request: GET|/|x-security-token:<redacted>|")
            #expect(error?.requestID == "<redacted>")
        }
    }
}
