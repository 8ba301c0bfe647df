// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import IESService
import Testing

@Suite struct TaskListCallTests {
    private func page(_ ids: Range<Int>, count: Int, _ fields: [String] = []) -> ScriptedTransport.Response {
        let tasks = ids.map { "{\"task_id\": \"t\($0)\", \"task_name\": \"n\($0)\"}" }.joined(separator: ",")
        return .text(
            200, "{\"offset\": \(ids.lowerBound), \"limit\": 100, \"count\": \(count), \"data\": [\(tasks)]}", fields)
    }

    private func list(_ bench: Bench) async -> Result<TaskList, ServiceFailure> {
        do throws(ServiceFailure) {
            return .success(try await bench.client.tasks(of: Bench.project, deadline: bench.deadline()))
        } catch {
            return .failure(error)
        }
    }

    private func check(_ bench: Bench, _ project: ProjectID? = Bench.project) async -> ServiceFailure? {
        do throws(ServiceFailure) {
            try await bench.client.check(project: project, deadline: bench.deadline())
            return nil
        } catch {
            return error
        }
    }

    @Test func `a list is asked for page by page`() async throws {
        let bench = try Bench(ScriptedTransport(page(0..<100, count: 150), page(100..<150, count: 150)))
        let list = try await list(bench).get()
        #expect(list.isComplete)
        #expect(list.tasks.map(\.taskID.rawValue) == (0..<150).map { "t\($0)" })
        #expect(list.tasks[7].name == "n7")
        #expect(
            bench.transport.requests.map(\.head.path) == [
                "/v2/p1/ies/task?limit=100&offset=0", "/v2/p1/ies/task?limit=100&offset=100",
            ])
        #expect(bench.transport.requests.allSatisfy { !$0.requiresHTTP1 })
    }

    @Test func `a list without a length, as HTTP 2 sends it, is read`() async throws {
        var response = page(0..<2, count: 2)
        response.fields = []
        #expect(try await list(Bench(ScriptedTransport(response))).get().tasks.count == 2)
    }

    @Test(arguments: ["", "x", "[]", "{", #"{"data": [{"task_id": "a"}]"#, #"{"data": 5}"#, "<html></html>"])
    func `what is not a list is malformed`(text: String) async throws {
        guard case .failure(.malformed) = await list(try Bench(ScriptedTransport(.text(200, text)))) else {
            Issue.record("it was taken")
            return
        }
    }

    @Test(arguments: [
        ["Content-Encoding: gzip"], ["Content-Length: 3"], ["Transfer-Encoding: chunked"],
    ])
    func `a list whose response breaks HTTP is malformed`(fields: [String]) async throws {
        guard case .failure(.malformed) = await list(try Bench(ScriptedTransport(page(0..<1, count: 1, fields)))) else {
            Issue.record("it was taken")
            return
        }
    }

    @Test func `an endless list document is cut off`() async throws {
        let piece = [UInt8](repeating: UInt8(ascii: " "), count: 16384)
        let bench = try Bench(
            ScriptedTransport(.init(status: 200, pieces: Array(repeating: piece, count: 1100))))
        guard case .failure(.malformed) = await list(bench) else {
            Issue.record("it was taken")
            return
        }
    }

    @Test func `a refused list is a refusal, also when it is sent with 200`() async throws {
        let text = #"{"error_code": "MSS.000000004", "error_msg": "no"}"#
        for status in [200, 403] {
            guard case .failure(.refused(let error)) = await list(try Bench(ScriptedTransport(.text(status, text))))
            else {
                Issue.record("it was taken")
                continue
            }
            #expect(error.status == status && error.code == "MSS.000000004")
            #expect(error.url == "https://example.com/v2/p1/ies/task")
        }
    }

    @Test func `refused parameters are left out`() async throws {
        let refusal = ScriptedTransport.Response.text(400, #"{"error_code": "MSS.000000003", "error_msg": "no"}"#)
        let bench = try Bench(ScriptedTransport(refusal, page(0..<10, count: 10)))
        #expect(try await list(bench).get().isComplete)
        #expect(bench.transport.requests.map(\.head.path).last == "/v2/p1/ies/task")
    }

    @Test func `a page that fails leaves those before it`() async throws {
        let bench = try Bench(ScriptedTransport(page(0..<100, count: 150), .failure(.tls("x"))))
        let list = try await list(bench).get()
        #expect(list.tasks.count == 100)
        #expect(!list.isComplete)
    }

    @Test func `a check asks once and fails only for the credentials or the connection`() async throws {
        for status in [200, 400, 404, 429, 500, 503, 302] {
            let bench = try Bench(ScriptedTransport(.text(status, "")))
            #expect(await check(bench) == nil)
            #expect(bench.transport.requests.count == 1)
        }
        for status in [401, 403] {
            guard case .refused? = await check(try Bench(ScriptedTransport(.text(status, "")))) else {
                Issue.record("\(status) was taken")
                continue
            }
        }
        let refused = try Bench(ScriptedTransport(.failure(.connectionRefused("x"))))
        #expect(await check(refused) == .transport(.connectionRefused("x")))
        #expect(refused.transport.requests.count == 1)
        #expect(await check(try Bench(ScriptedTransport(.silence), alarm: {})) == .deadline)
    }

    @Test func `a check without a project needs credentials but shows none`() async throws {
        for status in [200, 301, 401, 403, 404, 500] {
            let bench = try Bench(ScriptedTransport(.text(status, "", ["Location: https://evil.org/"])))
            #expect(await check(bench, nil) == nil)
            #expect(bench.transport.requests.map(\.head.path) == ["/"])
            #expect(bench.transport.requests[0].head.headerFields[.authorization] == nil)
        }
        guard case .credentials? = await check(try Bench(ScriptedTransport(.text(200, "")), environment: [:]), nil)
        else {
            Issue.record("it was asked")
            return
        }
    }
}
