// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import SystemPackage
import Testing

extension MountScenarios {
    /// `iesfs doctor`, as a support engineer runs it.
    @Suite struct DoctorCommands {
        struct Line: Decodable {
            let section: String
            let name: String
            let verdict: String
            let value: String
            let advice: String?
        }

        private struct Document: Decodable {
            let ok: Bool
            let findings: [Line]
        }

        private static let keys = [
            "IESFS_TOKEN": "", "HUAWEICLOUD_SDK_AK": SimulatedAccount.accessKey,
            "HUAWEICLOUD_SDK_SK": SimulatedAccount.secretKey,
        ]

        /// What `--json` says, after a look for secrets in it and in what people see.
        private static func run(
            _ source: String, projects: ProjectID? = .simulated, options: [String] = [],
            environment: [String: String] = [:], in workshop: Workshop
        ) async throws -> (lines: [Line], code: Int32) {
            let all =
                ["cache_dir=\(workshop["cache"])", "timeout=3"] + (projects.map { ["projects=\($0)"] } ?? []) + options
            let command =
                "\(quoted(program)) doctor \(quoted(source)) -o \(quoted(all.joined(separator: ","))) --config /dev/null"
            let variables = Network.plainEnvironment.merging(environment) { $1 }
            let text = try await shell("exec \(command)", environment: variables)
            let json = try await shell("exec \(command) --json", environment: variables)
            for secret in [SimulatedAccount.token, SimulatedAccount.secretKey, "hunter2", "Signature="] {
                #expect(!(text.text + text.errors + json.text + json.errors).contains(secret))
            }
            let document = try JSONDecoder().decode(Document.self, from: Data(json.output))
            #expect(document.ok == (json.code == 0), "\(json.text)")
            #expect(text.code == json.code)
            for line in document.findings where line.verdict == "failed" {
                #expect(line.advice?.isEmpty == false, "\(line)")
                #expect(text.text.contains("FAILED  \(line.name)"), "\(text.text)")
            }
            return (document.findings, json.code)
        }

        private static func failed(_ lines: [Line]) -> [String] {
            // Other mounts of this machine are nobody's business here.
            lines.filter { $0.verdict == "failed" && $0.section != "mounts" }.map { "\($0.section) \($0.name)" }
        }

        @Test(arguments: [true, false])
        func `of a service that is well nothing fails, and one request is made with the credentials`(
            usesKeys: Bool
        ) async throws {
            try await Network.with { network in
                let (lines, _) = try await Self.run(
                    "http://127.0.0.1:\(network.port)", environment: usesKeys ? Self.keys : [:], in: network.workshop)
                #expect(Self.failed(lines).isEmpty, "\(lines)")
                let names = Set(lines.map { "\($0.section) \($0.name)" })
                let expected: Set = [
                    "versions iesfs", "versions libfuse", "versions libcurl", "versions OpenSSL", "kernel Linux",
                    "kernel take-over",
                    "kernel /dev/fuse", "kernel fusermount3", "kernel passthrough", "configuration file",
                    "configuration timeout",
                    "credentials source", "network proxy", "network name", "network connection", "network answer",
                    "network clock", "network request", "network asked with", "cache directory", "cache space",
                    "cache user",
                ]
                #expect(expected.isSubset(of: names), "\(expected.subtracting(names))")
                #expect(lines.first { $0.name == "timeout" }?.value.contains("-o") == true)
                // Two runs, each with one greeting and one list.
                let calls = network.service.log.entries
                let (lists, others) = (calls.filter { $0.operation == "list" }, calls.filter { $0.operation != "list" })
                #expect(lists.count == 2 && lists.allSatisfy { $0.credentials == (usesKeys ? "signed" : "token") })
                #expect(
                    others.count == 2 && others.allSatisfy { $0.credentials != "token" && $0.credentials != "signed" })
                #expect(try await !shell("test -e \(network.workshop["cache"])").succeeded, "nothing is made")
            }
        }

        /// Where credentials are issued by somebody, he is asked, and the answer shows from where and for how long.
        @Test(arguments: [true, false])
        func `credentials that are issued are shown with their source and end`(isMetadata: Bool) async throws {
            try await Network.with { network in
                let url = "http://127.0.0.1:\(network.port)"
                let profile = network.workshop["profile"]
                let text =
                    "[basic]\\nuser_name = \(SimulatedAccount.user)\\npassword = \(SimulatedAccount.password)\\n"
                    + "domain_name = \(SimulatedAccount.domain)\\n"
                try await shell("umask 077; printf '\(text)' >\(profile)")
                let (lines, _) = try await Self.run(
                    url, options: isMetadata ? ["metadata=\(url)"] : ["credentials=\(profile)"],
                    environment: ["IESFS_TOKEN": "", "HOME": "/nonexistent", "HUAWEICLOUD_SDK_IAM_ENDPOINT": url],
                    in: network.workshop)
                #expect(Self.failed(lines).isEmpty, "\(lines)")
                let with = try #require(lines.first { $0.name == "asked with" })
                #expect(with.value.hasPrefix(isMetadata ? "metadata service \(url)" : "IAM at \(url)"), "\(with)")
                #expect(with.value.contains(" min"), "\(with)")
                #expect(!lines.contains { $0.value.contains(SimulatedAccount.password) })
            }
        }

        @Test func `a region leads to its project where none is named`() async throws {
            try await Network.with { network in
                let url = "http://127.0.0.1:\(network.port)"
                func lines(_ source: String, _ keys: [String: String]) async throws -> [Line] {
                    let variables = [
                        "HUAWEICLOUD_SDK_REGION_METASTUDIO_CN_NORTH_4": url,
                        "HUAWEICLOUD_SDK_REGION_METASTUDIO_CN_EAST_3": url,
                        "HUAWEICLOUD_SDK_IAM_ENDPOINT": url,
                    ]
                    return try await Self.run(
                        source, projects: nil, environment: variables.merging(keys) { $1 }, in: network.workshop
                    ).lines
                }
                let known = try await lines("cn-north-4", Self.keys)
                #expect(Self.failed(known).isEmpty, "\(known)")
                #expect(known.first { $0.name == "project" }?.value.hasPrefix("\(ProjectID.simulated)") == true)
                #expect(known.first { $0.name == "request" }?.verdict == "ok")
                let unknown = try await lines("cn-east-3", Self.keys)
                #expect(unknown.first { $0.name == "project" }?.verdict == "warning", "\(unknown)")
                #expect(unknown.first { $0.name == "request" }?.verdict == "note")
            }
        }

        @Test func `without a service nothing is asked, and no credentials are missed`() async throws {
            let workshop = try Workshop()
            let variables = Network.plainEnvironment.merging(["IESFS_TOKEN": "", "HOME": "/nonexistent"]) { $1 }
            let result = try await shell(
                "exec \(quoted(program)) doctor -o cache_dir=\(workshop["cache"]) --config /dev/null --json",
                environment: variables)
            let lines = try JSONDecoder().decode(Document.self, from: Data(result.output)).findings
            #expect(Self.failed(lines).isEmpty, "\(lines)")
            #expect(lines.filter { $0.section == "network" }.map(\.value) == ["not looked at"])
            try await workshop.remove()
        }

        @Test func `each thing that is wrong fails its own line`() async throws {
            try await Network.with { network in
                let good = "http://127.0.0.1:\(network.port)"
                try await shell("touch file && echo hunter2 >open && chmod 644 open", in: network.workshop.path)
                func failures(
                    _ source: String, _ options: [String] = [], _ environment: [String: String] = [:]
                ) async throws -> [String] {
                    Self.failed(
                        try await Self.run(source, options: options, environment: environment, in: network.workshop)
                            .lines)
                }
                #expect(try await failures(good, [], ["IESFS_TOKEN": "hunter2"]) == ["network request"])
                #expect(
                    try await failures("http://127.0.0.1:\(freePort())") == ["network connection", "network answer"])
                #expect(
                    try await failures("https://nowhere.invalid") == ["network name", "network TLS"])
                #expect(try await failures("https://127.0.0.1:\(network.port)") == ["network TLS"])
                #expect(
                    try await failures(good, ["cache_dir=\(network.workshop["file"])"]) == ["cache directory"])
                #expect(
                    try await failures(good, ["token_file=\(network.workshop["open"])"]) == ["credentials source"])
                #expect(
                    try await failures(good, [], ["IESFS_TOKEN": "", "HOME": "/nonexistent"]) == ["credentials source"])
                #expect(try await failures(good, ["timeout=soon"]) == ["configuration options"])
                #expect(try await failures("ftp://example") == ["configuration source"])
                #expect(
                    try await failures(good, [], ["http_proxy": "http://me:hunter2@127.0.0.1:\(freePort())"])
                        == ["network answer"])
                network.service.change { $0.clockSkew = .seconds(3_600) }
                #expect(try await failures(good, [], Self.keys) == ["network clock"])
                network.service.change { $0.clockSkew = .zero }
                network.service.inject(.silence, times: nil)
                #expect(try await failures(good) == ["network answer"])
            }
        }

        @Test func `a mount that answers is well, and one that does not is not`() async throws {
            try await SimulatedMount.with(unmountsItself: true) { mounted in
                let (lines, _) = try await Self.run(mounted.url, in: mounted.workshop)
                let point = mounted.mount.point.string
                let mount = try #require(lines.first { $0.section == "mounts" && $0.name == point })
                #expect(mount.verdict == "ok" && mount.value.contains(mounted.url), "\(mount)")
                let user = try #require(lines.first { $0.section == "cache" && $0.name == "user" })
                #expect(user.value.contains(point), "\(user)")
                try await shell("kill -STOP \(mounted.mount.processes().map(String.init).joined(separator: " "))")
                let (stopped, code) = try await Self.run(mounted.url, in: mounted.workshop)
                #expect(stopped.first { $0.name == point }?.verdict == "failed")
                #expect(code == 1)
                try await shell("kill -CONT \(mounted.mount.processes().map(String.init).joined(separator: " "))")
                try await mounted.mount.unmount()
            }
        }
    }
}
