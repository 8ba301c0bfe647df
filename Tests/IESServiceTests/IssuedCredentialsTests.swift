// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import IESSimulator
import SystemPackage
import Testing

@testable import IESService

/// Keys of the metadata service and tokens of IAM, as calls meet them.
@Suite struct MetadataCredentialsTests {
    @Test(arguments: Behaviour.MetadataTokens.allCases)
    func `a server's own keys need nothing to be set`(tokens: Behaviour.MetadataTokens) async throws {
        let lab = try Lab(hasMetadata: true)
        lab.service.change { $0.metadataTokens = tokens }
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.count(.metadataToken) == 1)
        #expect(lab.count(.metadataKeys) == 1)
        #expect(lab.service.log.entries.last?.credentials == "signed")
        #expect(lab.client.credentialSources == ["metadata service http://127.0.0.1:3, for 60 min"])
    }

    @Test func `the metadata service is never asked through a proxy, the others as all are`() async throws {
        let lab = try Lab(hasMetadata: true)
        #expect(await lab.read() == nil)
        #expect(lab.wire.requests.map(\.avoidsProxy) == [true, true, false])
        #expect(lab.wire.requests.map(\.connectTimeout) == [.seconds(3), .seconds(3), .seconds(10)])
    }

    @Test func `keys are renewed once before they end, and the service is not asked more often`() async throws {
        let lab = try Lab(hasMetadata: true)
        while lab.clock.elapsed < .seconds(10 * 3600) {
            #expect(await lab.read() == nil)
            lab.clock.advance(by: .seconds(20))
            // A renewal goes on beside the call that began it.
            await Task.yield()
        }
        // Each pair is used for 53 of its 60 minutes.
        #expect((11...13).contains(lab.count(.metadataKeys)))
        // The token of six hours, once more.
        #expect(lab.count(.metadataToken) == 2)
        #expect(lab.service.log.entries.allSatisfy { $0.status == 200 })
    }

    @Test func `what is held serves while the metadata service is away, and is renewed when it is back`() async throws {
        let lab = try Lab(hasMetadata: true)
        #expect(await lab.read() == nil)
        lab.clock.advance(by: .seconds(3500))
        lab.service.inject(.transport(.connectionRefused("x")), on: .metadataKeys, times: 3)
        while lab.clock.elapsed < .seconds(7000) {
            #expect(await lab.read() == nil)
            lab.clock.advance(by: .seconds(5))
            await Task.yield()
        }
        #expect(lab.service.faults.isEmpty)
    }

    @Test func `keys that are refused before their end are fetched anew, once for all`() async throws {
        let lab = try Lab(hasMetadata: true)
        #expect(await lab.read() == nil)
        lab.service.revokeServedKeys()
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.count(.metadataKeys) == 2)
    }

    @Test func `keys of the server that are refused are tried once, however many projects there are`() async throws {
        let lab = try Lab(hasMetadata: true)
        lab.service.inject(
            .refusal(Refusal(status: 401, code: "APIG.0303", message: "no")), on: .result, times: nil)
        for number in 0..<6 { #expect(await lab.read(project: ProjectID(rawValue: "project\(number)")!) != nil) }
        #expect(lab.count(.result) == 1)
    }

    @Test func `keys that have ended when they come are not asked for in a loop`() async throws {
        let lab = try Lab(hasMetadata: true, movesClock: true)
        lab.service.change { $0.keyLifetime = .zero }
        guard case .credentials(let error)? = await lab.read() else {
            Issue.record("it was read")
            return
        }
        #expect(error.kind == .missing && error.description.contains("clock"), "\(error)")
        #expect(lab.count(.metadataKeys) <= 2)
    }

    @Test func `a token that the metadata service has forgotten is asked for again`() async throws {
        let lab = try Lab(hasMetadata: true)
        lab.service.change { $0.metadataTokens = .required }
        #expect(await lab.read() == nil)
        lab.service.forgetMetadataTokens()
        lab.service.revokeServedKeys()
        #expect(await lab.read() == nil)
        #expect(lab.count(.metadataToken) == 2)
    }

    @Test func `a service without tokens is not asked for one for a day`() async throws {
        let lab = try Lab(hasMetadata: true)
        lab.service.change { $0.metadataTokens = .absent }
        for _ in 0..<30 {
            #expect(await lab.read() == nil)
            lab.clock.advance(by: .seconds(3600))
        }
        #expect(lab.count(.metadataToken) == 2)
        #expect(lab.count(.metadataKeys) == 30)
    }

    @Test func `a server without an agency says so`() async throws {
        let lab = try Lab(hasMetadata: true)
        lab.service.change { $0.hasAgency = false }
        guard case .credentials(let error)? = await lab.read() else {
            Issue.record("it was read")
            return
        }
        #expect(error.kind == .missing)
        #expect(error.description.contains("agency") && error.description.contains("HUAWEICLOUD_SDK_AK"))
        // Nor is a second token asked for: it would not help.
        #expect(lab.count(.metadataToken) == 1)
    }

    @Test func `keys on this host go before the server's own`() async throws {
        let lab = try Lab(environment: ["IESFS_TOKEN": SimulatedAccount.token], hasMetadata: true)
        #expect(await lab.read() == nil)
        #expect(lab.count(.metadataKeys) == 0)
    }

    /// The spellings that the service's own tools read (facts on credentials, section 7).
    @Test(arguments: [
        #"{"credential":{"access":"A","secret":"S","securitytoken":"T","expires_at":"2026-03-15T09:15:30.000000Z"}}"#,
        #"{"credentials":{"access":"A","secret":"S","securitytoken":"T","expires_at":"2026-03-15T09:15:30.123456Z"}}"#,
        #"{"accessKeyId":"A","secretAccessKey":"S","securityToken":"T","expiration":"2026-03-15T09:15:30Z"}"#,
        #"{"access_key_id":"A","secret_access_key":"S","security_token":"T","expiration":"2026-03-15T09:15:30Z"}"#,
    ])
    func `every spelling of an answer is read`(text: String) async throws {
        let bench = ScriptedTransport(.text(404, ""), .text(200, text, ["Date: Sun, 15 Mar 2026 08:15:30 GMT"]))
        let service = MetadataService(
            endpoint: try Endpoint.parse("http://127.0.0.1"), transport: bench, settings: ServiceSettings())
        let issued = try await service.issue()
        #expect(
            issued.credentials
                == .keys(AccessKeys(accessKey: "A", secretKey: Secret("S"), securityToken: Secret("T"))))
        // By the service's clock, not by that of the machine that runs the tests.
        let lifetime = try #require(issued.lifetime)
        #expect((.seconds(3600) ... .seconds(3601)).contains(lifetime))
    }
}

@Suite struct IdentityCredentialsTests {
    private static let profile = """
        [basic]
        user_name = \(SimulatedAccount.user)
        password = \(SimulatedAccount.password)
        domain_name = \(SimulatedAccount.domain)
        """

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func lab(_ profile: String = profile, movesClock: Bool = false) throws -> Lab {
        try Lab(
            configuration: CredentialConfiguration(credentialsFile: try directory.write(profile, to: "c")),
            movesClock: movesClock)
    }

    @Test func `a password becomes a token of the project, once for all calls`() async throws {
        let lab = try lab()
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.count(.token) == 1)
        #expect(lab.service.log.entries.last?.credentials == "token")
        let sent = try #require(lab.wire.requests.first)
        #expect(sent.head.authority == "127.0.0.1:2")
        #expect(sent.head.path == "/v3/auth/tokens?nocatalog=true")
        // KeystoneCreateUserTokenByPassword, as documented.
        let body = try JSONSerialization.jsonObject(with: Data(sent.body)) as? NSDictionary
        #expect(
            body == [
                "auth": [
                    "identity": [
                        "methods": ["password"],
                        "password": [
                            "user": [
                                "name": SimulatedAccount.user, "password": SimulatedAccount.password,
                                "domain": ["name": SimulatedAccount.domain],
                            ]
                        ],
                    ], "scope": ["project": ["id": lab.service.project.rawValue]],
                ]
            ])
    }

    @Test func `each project gets a token of its own`() async throws {
        let lab = try lab()
        let other = ProjectID(rawValue: "otherproject")!
        lab.service.add(SimulatedResult(Lab.task, content: .text("result")), project: other)
        for _ in 0..<3 {
            #expect(await lab.read() == nil)
            #expect(await lab.read(project: other) == nil)
        }
        #expect(lab.count(.token) == 2)
    }

    @Test func `the token is renewed before its day ends`() async throws {
        let lab = try lab()
        while lab.clock.elapsed < .seconds(72 * 3600) {
            #expect(await lab.read() == nil)
            lab.clock.advance(by: .seconds(600))
            await Task.yield()
        }
        #expect(lab.count(.token) == 4)
        #expect(lab.service.log.entries.allSatisfy { $0.status == 200 || $0.status == 201 })
    }

    @Test func `a token that ends early is renewed once, for all`() async throws {
        let lab = try lab()
        #expect(await lab.read() == nil)
        lab.service.expireTokens()
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.count(.token) == 2)
    }

    /// The first call tries the token, and the others wait for what comes of it.
    @Test func `a new token that is refused once fails nobody who waited for it`() async throws {
        let lab = try lab()
        lab.service.inject(.refusal(Refusal(status: 401, code: "APIG.0307", message: "renew")), on: .result)
        #expect(await lab.readAll(50).isEmpty)
        #expect(lab.count(.token) == 2)
    }

    @Test func `tokens that the service never takes are not asked for again and again`() async throws {
        let lab = try lab()
        lab.service.inject(
            .refusal(Refusal(status: 401, code: "APIG.0301", message: "no")), on: .result, times: nil)
        for _ in 0..<20 {
            #expect(await lab.read() != nil)
            lab.clock.advance(by: .seconds(1))
        }
        #expect(lab.count(.token) == 2 && lab.count(.result) == 2)
        lab.service.clearFaults()
        lab.clock.advance(by: .seconds(60))
        #expect(await lab.read() == nil)
    }

    @Test func `a wrong password is not tried again soon, and is not in the error`() async throws {
        let lab = try lab(Self.profile.replacingOccurrences(of: SimulatedAccount.password, with: "canary-password"))
        for _ in 0..<50 {
            guard case .credentials(let error)? = await lab.read() else {
                Issue.record("it was read")
                return
            }
            #expect(error.kind == .refused)
            #expect(!error.description.contains("canary"))
            lab.clock.advance(by: .seconds(1))
        }
        #expect(lab.count(.token) == 1)
        try directory.write(Self.profile, to: "c")
        #expect(await lab.read() == nil)
        #expect(!lab.lines.all.joined().contains("canary"))
    }

    private func readAll(_ lab: Lab, projects: Range<Int>) async -> Int {
        await withTaskGroup(of: ServiceFailure?.self) { group in
            for number in projects {
                group.addTask { await lab.read(project: ProjectID(rawValue: "project\(number)")!) }
            }
            return await group.reduce(into: 0) { if $1 != nil { $0 += 1 } }
        }
    }

    @Test func `a wrong password is tried once, however many projects there are`() async throws {
        let lab = try lab(Self.profile.replacingOccurrences(of: SimulatedAccount.password, with: "wrong"))
        #expect(await readAll(lab, projects: 0..<50) == 50)
        #expect(lab.count(.token) == 1)
        lab.clock.advance(by: .seconds(60))
        #expect(await readAll(lab, projects: 50..<100) == 50)
        #expect(lab.count(.token) == 2)
    }

    @Test func `projects that are not the user's stop being asked about, while the token there is serves`() async throws
    {
        let lab = try lab()
        #expect(await lab.read() == nil)
        for number in 0..<50 { #expect(await readAll(lab, projects: number..<number + 1) == 1) }
        #expect(lab.count(.token) == 1 + 5)
        #expect(await lab.read() == nil)
    }

    @Test func `IAM that is away for a moment makes calls wait, not fail`() async throws {
        let lab = try lab(movesClock: true)
        lab.service.inject(.status(503), on: .token, times: 2)
        #expect(await lab.read() == nil)
        #expect(lab.count(.token) == 3)
    }

    @Test func `half a login is refused by name`() async throws {
        guard case .credentials(let error)? = await (try lab("[basic]\nuser_name = u\npassword = canary")).read() else {
            Issue.record("it was read")
            return
        }
        #expect(error.description.contains("domain_name") && !error.description.contains("canary"))
    }

    @Test(
        arguments: [
            ("cn-north-4", [:], "https://iam.cn-north-4.myhuaweicloud.com"),
            ("eu-west-101", [:], "https://iam.eu-west-101.myhuaweicloud.eu"),
            ("https://example.com", [:], "https://iam.myhuaweicloud.com"),
            ("cn-north-4", ["HUAWEICLOUD_SDK_IAM_ENDPOINT": "https://iam.example"], "https://iam.example"),
        ] as [(String, [String: String], String)])
    func `IAM is where the region has it, or where a variable says`(
        source: String, environment: [String: String], url: String
    ) throws {
        #expect(try Endpoint.identity(for: source, environment: environment).description == url)
    }

    @Test func `a region leads to its project`() async throws {
        let keys = [
            "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey, "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
        ]
        let lab = try Lab(environment: keys)
        lab.service.addProject(ProjectID(rawValue: "another")!)
        let client = IdentityClient(
            endpoint: try Endpoint.parse("http://127.0.0.1:2"), transport: lab.wire, credentials: lab.store,
            settings: lab.settings)
        let deadline = lab.settings.instant() + .seconds(30)
        #expect(try await client.project(ofRegion: SimulatedAccount.region, deadline: deadline) == lab.service.project)
        #expect(lab.wire.requests.last?.head.path == "/v3/projects?name=cn-north-4")
        #expect(lab.wire.requests.last?.head.headerFields[.projectID] == nil)
        await #expect(throws: IdentityClient.Failure.notOne([])) {
            try await client.project(ofRegion: "cn-east-3", deadline: deadline)
        }
    }

    @Test func `no type of credentials prints what it holds`() throws {
        let login = PasswordLogin(user: "canary-user", password: Secret("canary-password"), domain: "canary-domain")
        let keys = Credentials.keys(
            AccessKeys(
                accessKey: "canary-ak", secretKey: Secret("canary-sk"), securityToken: Secret("canary-token")))
        var plan = RenewalPlan(margin: .zero ... .zero)
        _ = plan.step(at: .now)
        plan.renewed(IssuedCredentials(credentials: keys, lifetime: .seconds(1)), at: .now, random: 0)
        var latch = CredentialLatch()
        latch.accepted(CredentialLatch.Holder(scope: nil, credentials: keys))
        let values: [Any] = [
            login, CredentialStore.Found.login(login), CredentialStore.Found.credentials(keys),
            IssuedCredentials(credentials: keys, lifetime: nil), plan, plan.step(at: .now), latch,
            CredentialLatch.Visitor(holder: .init(scope: nil, credentials: keys), deadline: .now),
            LoginLatch(login, settings: ServiceSettings()),
        ]
        for value in values {
            var output = "\(value) \(String(reflecting: value))"
            dump(value, to: &output)
            #expect(!output.contains("canary"))
        }
    }
}
