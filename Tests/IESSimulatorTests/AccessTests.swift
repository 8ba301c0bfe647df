// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite(.timeLimit(.minutes(2))) struct AccessTests {
    let task = TaskID("abc")
    var result: SimulatedResult { SimulatedResult(task, content: .text("the result")) }

    private func answer(_ url: String, _ arguments: [String]) async throws -> (status: Int, body: String) {
        let run = try await Command.run(["curl", "-s", "-w", "\n%{http_code}"] + arguments + [url])
        return (Int(run.text.suffix(3)) ?? 0, String(run.text.dropLast(4)))
    }

    private func refusal(_ url: String, _ arguments: [String]) async throws -> (status: Int, code: String) {
        let (status, body) = try await answer(url, arguments)
        return (status, try json(body)["error_code"] as? String ?? "")
    }

    @Test func `a signature made by Python is accepted`() async throws {
        try await Simulator.with([result]) { simulator in
            for url in [simulator.url(task), simulator.list + "?limit=5&resource=b%20c&resource=a"] {
                let (status, _) = try await answer(url, try await PythonSigner.sign(url))
                #expect(status == 200)
            }
            #expect(simulator.service.log.entries.map(\.credentials) == ["signed", "signed"])
        }
    }

    @Test func `a wrong secret, key, date or project is refused in the documented words`() async throws {
        try await Simulator.with([result]) { simulator in
            let url = simulator.url(task)
            let wrongSecret = try await refusal(url, try await PythonSigner.sign(url, secret: "wrong"))
            #expect(wrongSecret == (401, "APIG.0301"))
            let wrongKey = try await refusal(url, try await PythonSigner.sign(url, access: "UNKNOWN"))
            #expect(wrongKey == (401, "APIG.0301"))
            for skew in [-3600.0, 3600] {
                let late = try await refusal(url, try await PythonSigner.sign(url, date: Date() + skew))
                #expect(late == (401, "APIG.0303"))
            }
            let noProject = try await refusal(url, try await PythonSigner.sign(url, fields: [:]))
            #expect(noProject == (400, "MSS.000000003"))
            let otherProject = try await refusal(
                url, try await PythonSigner.sign(url, fields: ["X-Project-Id": "another"]))
            #expect(otherProject == (400, "MSS.00010009"))
            let none = try await refusal(url, [])
            #expect(none == (401, "APIG.0301"))
        }
    }

    @Test func `a skewed clock of the service refuses what the true time signed`() async throws {
        try await Simulator.with([result]) { simulator in
            simulator.service.change { $0.clockSkew = .seconds(3600) }
            let url = simulator.url(task)
            let now = try await refusal(url, try await PythonSigner.sign(url))
            #expect(now == (401, "APIG.0303"))
            let learnt = try await answer(url, try await PythonSigner.sign(url, date: Date() + 3600))
            #expect(learnt.status == 200)
        }
    }

    @Test func `five wrong signatures lock the key for five minutes`() async throws {
        let clock = TestClock()
        try await Simulator.with([result], now: { clock.now }) { simulator in
            let url = simulator.url(task)
            let wrong = try await PythonSigner.sign(url, secret: "wrong", date: clock.now)
            for _ in 0..<5 { try await expect(answer(url, wrong).status, 401) }
            let right = try await PythonSigner.sign(url, date: clock.now)
            let locked = try await answer(url, right)
            #expect(locked.status == 401)
            #expect(locked.body.contains("locked"))
            clock.advance(301)
            try await expect(answer(url, right).status, 200)
        }
    }

    @Test func `a temporary key needs its security token, and ends`() async throws {
        let clock = TestClock()
        try await Simulator.with([result], now: { clock.now }) { simulator in
            simulator.service.addKey("TEMP", secret: "temporary", securityToken: "seal", expires: clock.now + 60)
            let url = simulator.url(task)
            func sign(_ seal: String?) async throws -> [String] {
                var fields = ["X-Project-Id": Simulator.project]
                if let seal { fields["X-Security-Token"] = seal }
                return try await PythonSigner.sign(
                    url, access: "TEMP", secret: "temporary", date: clock.now, fields: fields)
            }
            func status(_ seal: String?) async throws -> Int {
                let fields = try await sign(seal)
                return try await answer(url, fields).status
            }
            try await expect(status("seal"), 200)
            try await expect(status("broken"), 401)
            try await expect(status(nil), 401)
            clock.advance(61)
            try await expect(status("seal"), 401)
        }
    }

    @Test func `tokens are checked for being known, for their end and for their project`() async throws {
        try await Simulator.with([result]) { simulator in
            let url = simulator.url(task)
            simulator.service.addToken("elsewhere", project: ProjectID(rawValue: "other"))
            try await expect(answer(url, ["-H", Simulator.tokenField]).status, 200)
            try await expect(refusal(url, ["-H", "X-Auth-Token: made-up"]), (401, "APIG.0301"))
            try await expect(refusal(url, ["-H", "X-Auth-Token: elsewhere"]), (400, "MSS.00010009"))
            simulator.service.expireTokens()
            try await expect(refusal(url, ["-H", Simulator.tokenField]), (401, "APIG.0307"))
        }
    }

    @Test func `a password is exchanged for a token that works until it expires`() async throws {
        let clock = TestClock()
        try await Simulator.with([result], now: { clock.now }) { simulator in
            func exchange(password: String) async throws -> Command {
                let body = """
                    {"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"simulated-user",\
                    "password":"\(password)","domain":{"name":"simulated-domain"}}}},\
                    "scope":{"project":{"name":"cn-north-4"}}}}
                    """
                return try await Command.run(
                    "curl", "-si", "-H", "Content-Type: application/json;charset=utf8", "-d", body,
                    "\(simulator.origin)/v3/auth/tokens?nocatalog=true")
            }
            let good = try await exchange(password: "simulated-password").text
            #expect(good.hasPrefix("HTTP/1.1 201 Created\r\n"))
            let head = good.components(separatedBy: "\r\n\r\n")[0]
            let field = try #require(head.components(separatedBy: "\r\n").first { $0.hasPrefix("X-Subject-Token: ") })
            let token = "X-Auth-Token: " + field.dropFirst("X-Subject-Token: ".count)
            let body = try #require(json(good.components(separatedBy: "\r\n\r\n")[1])["token"] as? [String: Any])
            #expect((body["project"] as? [String: Any])?["id"] as? String == Simulator.project)
            #expect(body["expires_at"] as? String == "2025-04-11T09:22:47.708000Z")
            try await expect(answer(simulator.url(task), ["-H", token]).body, "the result")
            clock.advance(24 * 3600)
            try await expect(refusal(simulator.url(task), ["-H", token]), (401, "APIG.0307"))
            let bad = try await exchange(password: "guess").text
            #expect(bad.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
            let error = try json(bad.components(separatedBy: "\r\n\r\n")[1])["error"] as? [String: Any]
            #expect(error?["code"] as? Int == 401)
            #expect(error?["title"] as? String == "Unauthorized")
        }
    }

    @Test func `calls over the limit of a second are throttled until the next one`() async throws {
        let clock = TestClock()
        try await Simulator.with([result], now: { clock.now }) { simulator in
            try simulator.service.setSwitches("rate=2 retry-after=1")
            var statuses: [Int] = []
            for _ in 0..<4 { statuses.append(try await simulator.status(simulator.url(task)).status) }
            #expect(statuses == [200, 200, 429, 429])
            let told = try await simulator.curl("-i", simulator.url(task))
            #expect(told.text.contains("\r\nRetry-After: 1\r\n"))
            clock.advance(1)
            try await expect(simulator.status(simulator.url(task)).status, 200)
        }
    }

    @Test func `what the service does not have is the gateway's 0101`() async throws {
        try await Simulator.with([result]) { simulator in
            for path in ["/", "/v2/x/ies", "/v1/x/ies/result/abc"] {
                try await expect(refusal(simulator.origin + path, []), (404, "APIG.0101"))
            }
            let head = try await Command.run("curl", "-sI", "-H", Simulator.tokenField, simulator.url(task))
            #expect(head.text.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        }
    }
}
