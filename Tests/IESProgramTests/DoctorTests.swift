// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESMount
import IESService
import SystemPackage
import Testing

@testable import iesfs

/// What the doctor makes of what it sees.
@Suite struct DoctorTests {
    @Test func `one failure fails the report, a warning does not`() {
        let good = DoctorReport(findings: [.ok(.cache, "a", "b"), .warning(.cache, "c", "d", advice: "e")])
        #expect(good.status == .success)
        #expect(good.text.hasSuffix("Nothing failed. 1 warning.\n"))
        let bad = DoctorReport(findings: good.findings + [.failed(.network, "name", "no", advice: "spell it right")])
        #expect(bad.status == .failure)
        #expect(
            bad.text == """
                network
                  FAILED  name  no
                          -> spell it right
                cache
                  ok      a     b
                  warn    c     d
                          -> e

                1 failed. 1 warning.

                """)
    }

    @Test func `what others worded cannot steer the terminal`() {
        let text = DoctorReport(findings: [.failed(.network, "request", "a\u{1b}[2J\nb", advice: "c\r")]).text
        #expect(text.split(separator: "\n").count == 4)
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
    }

    @Test func `JSON has every finding in order`() throws {
        let report = DoctorReport(findings: [.ok(.versions, "a", "1"), .failed(.cache, "b", "\"2\"", advice: "c")])
        let document = try #require(
            JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
        #expect(document["ok"] as? Bool == false)
        let findings = try #require(document["findings"] as? [[String: String]])
        #expect(findings[0] == ["section": "versions", "name": "a", "verdict": "ok", "value": "1"])
        #expect(
            findings[1] == ["section": "cache", "name": "b", "verdict": "failed", "value": "\"2\"", "advice": "c"])
    }

    @Test(arguments: [("6.8.12", false), ("6.12.95-amd64", false), ("6.18.39", true), ("7.2", true)])
    func `a kernel on which no daemon can follow another is named`(release: String, isPossible: Bool) {
        #expect((MachineFindings.takeover(onKernel: release).verdict == .ok) == isPossible)
    }

    @Test(arguments: [("6.8.12", false), ("6.9", true), ("6.10.1", true), ("5.15.0-1", false), ("10.0", true)])
    func `passthrough needs Linux 6_9, and root, and that nobody forbids it`(release: String, isPossible: Bool) {
        let kernel = KernelRelease(release)
        #expect((MachineFindings.passthrough(kernel, MountOptions(), isRoot: true).verdict == .ok) == isPossible)
        #expect(MachineFindings.passthrough(kernel, MountOptions(), isRoot: false).value.contains("root"))
        var options = MountOptions()
        options.passesNothingThrough = true
        #expect(MachineFindings.passthrough(kernel, options, isRoot: true).value.contains("nopassthrough"))
    }

    @Test func `fusermount3 is needed by ordinary users only`() {
        #expect(MachineFindings.fusermount(isRoot: true, path: "/nonexistent").verdict == .note)
        let absent = MachineFindings.fusermount(isRoot: false, path: "/nonexistent")
        #expect(absent.verdict == .failed && absent.advice?.contains("fuse3") == true)
    }

    @Test(arguments: [
        (0.0, Finding.Verdict.ok), (20, .ok), (-20, .ok), (60, .warning), (-60, .warning), (3600, .failed),
        (-3600, .failed),
    ])
    func `a clock is judged by how far it is off, either way`(seconds: Double, verdict: Finding.Verdict) {
        let own = Date(timeIntervalSince1970: 1_773_562_530)
        let finding = ClockFinding.judge(server: own - seconds, own: own)
        #expect(finding.verdict == verdict)
        #expect(finding.value.contains(seconds < 0 ? "behind" : "ahead"))
        #expect((finding.advice != nil) == (verdict != .ok))
    }

    @Test func `the proxy is the option's, else that of the variable for the scheme, and its password stays secret`()
        throws
    {
        let secure = try Endpoint.parse("https://ies.example")
        let plain = try Endpoint.parse("http://127.0.0.1:8080")
        func proxy(_ option: String? = nil, _ endpoint: Endpoint, _ variables: [String: String] = [:]) -> ProxyChoice? {
            ProxyChoice(option: option, endpoint: endpoint, environment: variables)
        }
        #expect(proxy(nil, secure) == nil)
        #expect(proxy("", secure, ["https_proxy": "http://p:1"]) == nil)
        #expect(proxy("http://o:1", secure, ["https_proxy": "http://p:1"])?.url == "http://o:1")
        #expect(proxy(nil, secure, ["HTTPS_PROXY": "http://p:1", "http_proxy": "http://q:1"])?.url == "http://p:1")
        #expect(proxy(nil, plain, ["HTTPS_PROXY": "http://p:1", "http_proxy": "http://q:1"])?.url == "http://q:1")
        // A web server's children would take a client's field for it.
        #expect(proxy(nil, plain, ["HTTP_PROXY": "http://q:1"]) == nil)
        #expect(proxy(nil, secure, ["all_proxy": "socks5h://a:1", "https_proxy": ""])?.url == "socks5h://a:1")
        let secret = try #require(proxy(nil, secure, ["https_proxy": "http://me:p@ss@p:1", "no_proxy": "a.example"]))
        #expect(secret.text == "http://<redacted>@p:1, from the variable https_proxy; not for a.example")
    }

    @Test func `the cache directory is judged by the rules by which a mount takes it`() throws {
        let path = FilePath(NSTemporaryDirectory()).appending("doctor-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: path.string) }
        #expect(CacheFindings.directory(path).verdict == .ok)
        #expect(!FileManager.default.fileExists(atPath: path.string), "it was looked for, not made")
        try Data().write(to: URL(filePath: path.string))
        #expect(CacheFindings.directory(path).verdict == .failed)
        #expect(CacheFindings.directory(path.appending("below")).verdict == .failed)
        #expect(CacheFindings.directory("/proc").verdict == (getuid() == 0 ? .ok : .failed))
    }

    @Test func `little space is a warning`() {
        #expect(CacheFindings.space(free: 1 << 29, of: 1 << 40).verdict == .warning)
        let plenty = CacheFindings.space(free: 3 << 30, of: 10 << 30)
        #expect(plenty.verdict == .ok && plenty.value == "3.0 GiB free of 10.0 GiB")
    }

    @Test func `a mount that has gone or hangs fails, one of another user does not`() {
        #expect(MountFindings.judge(path: "/m", source: "s", .success("uptime: 3 s\n")).verdict == .ok)
        let gone = MountFindings.judge(path: "/m", source: "s", .failure(Errno(rawValue: ENOTCONN)))
        #expect(gone.verdict == .failed && gone.advice?.contains("iesfs unmount /m") == true)
        #expect(MountFindings.judge(path: "/m", source: "s", nil).verdict == .failed)
        #expect(MountFindings.judge(path: "/m", source: "s", .failure(.permissionDenied)).verdict == .note)
    }

    @Test func `of several addresses one has to answer`() throws {
        let addresses = try HostAddress.all(of: "127.0.0.1", port: 9).get()
        let address = try #require(addresses.first)
        #expect(address.text == "127.0.0.1")
        #expect(NetworkFindings.connection([(address, 0)]).verdict == .ok)
        #expect(NetworkFindings.connection([(address, ECONNREFUSED), (address, 0)]).verdict == .warning)
        #expect(NetworkFindings.connection([(address, ECONNREFUSED)]).verdict == .failed)
        #expect(NetworkFindings.connection([(address, ECONNREFUSED)], false).verdict == .note)
    }
}
