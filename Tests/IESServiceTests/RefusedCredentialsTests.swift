// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESSimulator
import SystemPackage
import Testing

@testable import IESService

/// What becomes of calls whose credentials the service refuses.
@Suite struct RefusedCredentialsTests {
    private static let wrong = ["HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey, "HUAWEICLOUD_SDK_SK": "wrong"]
    private static let right = [
        "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey, "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
    ]

    @Test func `a hundred calls with a wrong key are one try, in an hour ten`() async throws {
        let lab = try Lab(environment: Self.wrong)
        let failures = await lab.readAll(100)
        #expect(failures.count == 100)
        #expect(failures.allSatisfy { Lab.status($0) == 401 })
        #expect(lab.count(.result) == 1)
        while lab.clock.elapsed < .seconds(3600) {
            await lab.read()
            lab.clock.advance(by: .seconds(1))
        }
        // After 60, 180, 420, 900, 1500, 2100, 2700 and 3300 seconds.
        #expect(lab.count(.result) == 9)
        #expect(lab.service.log.entries.allSatisfy { $0.credentials != "key locked" })
        #expect(lab.lines.all.contains { $0.hasPrefix("warning") && $0.contains("refuses the credentials") })
    }

    @Test func `a refusal that passes is asked about again a minute later`() async throws {
        let lab = try Lab(environment: Self.right)
        lab.service.inject(.refusal(Refusal(status: 401, code: "APIG.0301", message: "not now")))
        #expect(Lab.status(await lab.read()) == 401)
        #expect(Lab.status(await lab.read()) == 401)
        #expect(lab.count(.result) == 1)
        lab.clock.advance(by: .seconds(60))
        #expect(await lab.read() == nil)
    }

    @Test func `what the service allows nobody to see is no fault of the key`() async throws {
        let lab = try Lab(environment: Self.right)
        lab.service.inject(.refusal(Refusal(status: 403, code: "APIG.0302", message: "no")), times: nil)
        for _ in 0..<10 { #expect(Lab.status(await lab.read()) == 403) }
        #expect(lab.count(.result) == 10)
    }

    @Test func `five names that may not be seen hold back the key, one asked five times does not`() async throws {
        let lab = try Lab(environment: Self.right)
        lab.service.inject(.refusal(Refusal(code: "MSS.000000004", message: "no")), times: nil)
        for _ in 0..<10 { await lab.read(TaskID(rawValue: "n0")!) }
        #expect(lab.count(.result) == 10)
        for number in 1..<20 { #expect(Lab.status(await lab.read(TaskID(rawValue: "n\(number)")!)) == 400) }
        #expect(lab.count(.result) == 14)
    }

    @Test func `a file that changes is tried at once`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("wrong-token", to: "token")
        let lab = try Lab(configuration: CredentialConfiguration(tokenFile: file))
        #expect(Lab.status(await lab.read()) == 401)
        #expect(Lab.status(await lab.read()) == 401)
        try directory.write(SimulatedAccount.token, to: "token")
        #expect(await lab.read() == nil)
        #expect(lab.count(.result) == 2)
    }

    @Test func `a token that is replaced in the moment it is refused is no failure`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(SimulatedAccount.token, to: "token")
        let lab = try Lab(configuration: CredentialConfiguration(tokenFile: file))
        #expect(await lab.read() == nil)
        lab.service.addToken("second")
        // The call has the first token by now; the second is written before the refusal comes.
        lab.service.removeToken(SimulatedAccount.token)
        try directory.write("second", to: "token")
        #expect(await lab.readAll(20).isEmpty)
    }

    @Test func `what worked goes on being used while what replaced it is refused`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(SimulatedAccount.token, to: "token")
        let lab = try Lab(configuration: CredentialConfiguration(tokenFile: file))
        #expect(await lab.read() == nil)
        try directory.write("wrong-token", to: "token")
        #expect(await lab.readAll(20).isEmpty)
        #expect(lab.service.log.entries.count { $0.status == 401 } == 1)
        try directory.write("not even a token", to: "token")
        #expect(await lab.read() == nil)
        #expect(lab.lines.all.contains { $0.hasPrefix("warning") && $0.contains("stay in use") })
    }

    @Test func `SIGHUP has it tried again`() async throws {
        let lab = try Lab(environment: Self.right)
        lab.service.inject(.refusal(Refusal(status: 401, code: "APIG.0301", message: "not now")))
        #expect(Lab.status(await lab.read()) == 401)
        lab.client.reloadCredentials()
        #expect(await lab.read() == nil)
    }

    @Test(arguments: [3600, -3600])
    func `a clock that is an hour off is corrected once for all`(seconds: Int) async throws {
        let lab = try Lab(environment: Self.right, clockError: .seconds(seconds))
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.service.log.entries.count { $0.status == 401 } == 1)
        #expect(lab.lines.all.count { $0.hasPrefix("warning") && $0.contains("clock") } == 1)
    }

    /// A call that was signed before another one learnt the time is not to be taken for one with a wrong key.
    @Test func `calls that were signed by the wrong clock together are all tried again`() async throws {
        let lab = try Lab(environment: Self.right, clockError: .seconds(3600))
        lab.service.change { $0.signatureWindow = .seconds(100_000) }
        #expect(await lab.read() == nil)
        lab.service.change { $0.signatureWindow = .seconds(900) }
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.lines.all.count { $0.hasPrefix("warning") } == 1)
    }

    /// IESFS_ROTATIONS=1000 for the long form.
    @Test func `keys, tokens and profiles that change under load fail no read`() async throws {
        let rotations = ProcessInfo.processInfo.environment["IESFS_ROTATIONS"].flatMap { Int($0) } ?? 50
        for isToken in [true, false] {
            let directory = try TemporaryDirectory()
            func text(_ number: Int) -> String {
                isToken ? "rotating-\(number)" : "[basic]\nak = ROTATING\(number)\nsk = secret-\(number)\n"
            }
            let file = try directory.write(text(0), to: "file")
            let lab = try Lab(
                configuration: isToken
                    ? CredentialConfiguration(tokenFile: file) : CredentialConfiguration(credentialsFile: file))
            func admit(_ number: Int) {
                if isToken {
                    lab.service.addToken("rotating-\(number)")
                } else {
                    lab.service.addKey("ROTATING\(number)", secret: "secret-\(number)")
                }
            }
            func dismiss(_ number: Int) {
                if isToken {
                    lab.service.removeToken("rotating-\(number)")
                } else {
                    lab.service.removeKey("ROTATING\(number)")
                }
            }
            admit(0)
            let isOver = Switch()
            let failures = try await withThrowingTaskGroup(of: [ServiceFailure].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var failures: [ServiceFailure] = []
                        while !isOver.isOn { if let failure = await lab.read() { failures.append(failure) } }
                        return failures
                    }
                }
                for number in 1...rotations {
                    admit(number)
                    if number % 2 == 0 {
                        try directory.write(text(number), to: "file")
                    } else {
                        let new = try directory.write(text(number), to: "new")
                        #expect(rename(new.string, file.string) == 0)
                    }
                    let before = lab.service.log.entries.count
                    while lab.service.log.entries.count < before + 8 { await Task.yield() }
                    dismiss(number - 1)
                }
                isOver.turnOn()
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(failures.isEmpty, "\(failures.prefix(3))")
            #expect(!lab.service.log.entries.contains { $0.credentials == "key locked" })
        }
    }
}
