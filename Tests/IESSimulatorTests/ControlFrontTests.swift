// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import IESSimulator
import Testing

@Suite(.timeLimit(.minutes(2))) struct ControlFrontTests {
    let task = TaskID("abc")

    @Test func `a script can inject faults, see and clear them`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("0123456789"))]) { simulator in
            let orders = "# a comment\nid=abc fault=cut:4 times=1\n\nfault=status:503 times=ever after=1\n"
            let posted = try await Command.run("curl", "-s", "--data-binary", orders, "\(simulator.control)/faults")
            #expect(posted.text == "done\n")
            let listed = try await Command.run("curl", "-s", "\(simulator.control)/faults")
            #expect(listed.text.split(separator: "\n").count == 2)
            try await expect(simulator.curl(simulator.url(task)).text, "0123")
            try await expect(simulator.status(simulator.url(task)).status, 503)
            _ = try await Command.run("curl", "-s", "-X", "DELETE", "\(simulator.control)/faults")
            try await expect(simulator.status(simulator.url(task)).status, 200)
        }
    }

    @Test(arguments: [
        ("faults", "id=abc fault=cut", "cut needs a number, as in cut:100\n"),
        ("faults", "id=../x fault=silence", "\"../x\" is not a task id\n"),
        ("faults", "fault=silence bogus=1", "\"bogus\" is not known here\n"),
        ("faults", "fault=melt", "the fault \"melt\" is not known\n"),
        ("faults", "id=abc", "no fault= is given\n"),
        ("faults", "fault=silence\nfault=melt", "the fault \"melt\" is not known\n"),
        ("switches", "ranges=maybe", "ranges=maybe is none of honoured, ignored\n"),
        ("switches", "latency=soon", "latency=soon is not a time such as 200ms, 3s or 5m\n"),
        ("results", "id=x size=9999999999999999T", "size=9999999999999999T is not a whole number\n"),
        ("results", "id=x state=odd", "state=odd is none of finished, running, failed, refused\n"),
        ("results", "name=\"open", "a quotation mark is missing\n"),
    ])
    func `a mistaken order is refused in words, and nothing is done`(
        place: String, order: String, words: String
    ) async throws {
        try await Simulator.with { simulator in
            let run = try await Command.run(
                "curl", "-s", "-w", "%{http_code}", "--data-binary", order, "\(simulator.control)/\(place)")
            #expect(run.text == words + "400")
            #expect(simulator.service.faults.isEmpty)
            #expect(simulator.service.results().isEmpty)
        }
    }

    @Test func `results can be added, replaced, finished and removed`() async throws {
        try await Simulator.with { simulator in
            func post(_ line: String) async throws {
                let run = try await Command.run("curl", "-s", "-d", line, "\(simulator.control)/results")
                #expect(run.text == "done\n")
            }
            let url = simulator.url(task)
            try await post(#"id=abc state=refused code=MSS.000000004 message="没有 权限" name="一 个" filename=报告.csv"#)
            let refused = try await simulator.status(url)
            #expect(refused.status == 400)
            try expect(json(refused.body)["error_msg"] as? String, "没有 权限")
            try await post(#"id=abc state=finished text="first\nline" type=text/csv"#)
            try await expect(simulator.curl(url).text, "first\nline")
            let tag = simulator.service.result(task)?.etag
            try await post("id=abc size=1K seed=5")
            #expect(simulator.service.result(task)?.etag != tag)
            try await expect(simulator.curl(url).output, SimulatedContent.generated(seed: 5, size: 1024).bytes())
            let folder = try TemporaryFolder()
            let path = try folder.write("big", Array(repeating: UInt8(ascii: "x"), count: 3 << 20))
            // Above a mebibyte curl asks for leave first (100-continue).
            let put = try await Command.run("curl", "-s", "-T", path, "\(simulator.control)/results/abc")
            #expect(put.text == "done\n")
            try await expect(simulator.curl(url).output.count, 3 << 20)
            let sum = try await Command.run("sha256sum", path)
            let told = try await Command.run("curl", "-s", "\(simulator.control)/results?sha256=yes")
            let list = try #require(try JSONSerialization.jsonObject(with: Data(told.output)) as? [[String: Any]])
            #expect(list.first?["sha256"] as? String == String(sum.text.prefix(64)))
            #expect(list.first?["name"] as? String == "一 个")
            _ = try await Command.run("curl", "-s", "-X", "DELETE", "\(simulator.control)/results/abc")
            try await expect(simulator.status(url).status, 400)
        }
    }

    @Test func `counts and waits tell what has happened, and orders are no calls`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("0123456789"))]) { simulator in
            let waiting = Task {
                try await Command.run("curl", "-s", "\(simulator.control)/wait?arrived=2&id=abc&timeout=30s")
            }
            for _ in 0..<2 { _ = try await simulator.curl("-r", "0-3", simulator.url(task)) }
            try await expect(waiting.value.text, "so it is\n")
            try await simulator.service.log.wait(for: .ended(2))
            let counts = try json(try await Command.run("curl", "-s", "\(simulator.control)/counts?id=abc").text)
            #expect(counts["requests"] as? Int == 2)
            #expect(counts["bytesSent"] as? Int == 8)
            #expect(counts["open"] as? Int == 0)
            #expect(counts["connections"] as? Int == 2)
            let late = try await Command.run(
                "curl", "-s", "-w", "%{http_code}", "\(simulator.control)/wait?arrived=3&timeout=10ms")
            #expect(late.text.hasSuffix("408"))
        }
    }

    @Test func `an outage refuses connections and ends`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("x"))]) { simulator in
            await simulator.server.suspend()
            let refused = try await simulator.curl(simulator.url(task))
            #expect(refused.status == 7)
            try await simulator.server.resume()
            try await expect(simulator.curl(simulator.url(task)).text, "x")
            let told = try await Command.run("curl", "-s", "-X", "POST", "\(simulator.control)/outage?time=300ms")
            #expect(told.text.hasPrefix("down"))
            let again = try await Command.run(
                "curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-H", Simulator.tokenField,
                simulator.url(task))
            #expect(again.text == "x")
        }
    }

    @Test func `credentials can be given and taken`() async throws {
        try await Simulator.with([SimulatedResult(task, content: .text("x"))]) { simulator in
            func status(_ token: String) async throws -> String {
                try await Command.run(
                    "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "X-Auth-Token: \(token)",
                    simulator.url(task)
                ).text
            }
            _ = try await Command.run("curl", "-s", "-d", "token=new", "\(simulator.control)/tokens")
            try await expect(status("new"), "200")
            _ = try await Command.run("curl", "-s", "-X", "DELETE", "\(simulator.control)/tokens?token=new")
            try await expect(status("new"), "401")
            _ = try await Command.run("curl", "-s", "-d", "access=A secret=B", "\(simulator.control)/keys")
            let signed = try await PythonSigner.sign(simulator.url(task), access: "A", secret: "B")
            try await expect(Command.run(["curl", "-s"] + signed + [simulator.url(task)]).text, "x")
        }
    }

    @Test func `a reset brings back the beginning`() async throws {
        var configuration = SimulateConfiguration()
        configuration.binarySize = 10
        configuration.switches = ["ranges=ignored"]
        configuration.faults = ["fault=status:503 times=ever"]
        let running = try await configuration.start()
        let count = running.service.results().count
        try running.service.setResult("id=more text=x")
        try running.service.setSwitches("ranges=honoured")
        let done = try await Command.run("curl", "-s", "-X", "POST", "\(running.endpoint)/_simulator/reset")
        #expect(done.text == "done\n")
        #expect(running.service.results().count == count)
        #expect(running.service.behaviour.ranges == .ignored)
        #expect(running.service.faults.isEmpty)
        await running.stop()
    }

    @Test func `help names every fault that is understood`() async throws {
        try await Simulator.with { simulator in
            let help = try await Command.run("curl", "-s", "\(simulator.control)/help")
            #expect(help.text == SimulatorHelp.text)
            let names = [
                "status:1", "refuse", "error-200", "html", "message-size:1", "message-nul", "message-invalid",
                "throttle", "redirect", "raw:x", "silence", "close", "reset", "head-cut:1", "head-reset:1",
                "head-stall:1", "cut:1", "reset:1", "stall:1", "latency:1s", "speed:1", "length:1",
                "second-length:1", "no-length", "chunked", "content-range:x", "range-offset:1", "range-total:1",
                "range-unit:x", "gzip", "date:1h", "large-head:1", "long-line:1", "field:A:b", "etag:x",
                "ignore-range", "unasked-range", "flip:1", "surplus:1",
            ]
            for name in names {
                try simulator.service.injectFault("fault=\(name)")
                #expect(SimulatorHelp.faults.contains(name.prefix { $0 != ":" }))
            }
        }
    }
}
