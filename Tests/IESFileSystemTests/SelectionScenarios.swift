// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESSimulator
import SystemPackage
import Testing

@testable import IESFileSystem

/// What `iesfs prefetch` is told by paths, and what comes of it.
@Suite(.timeLimit(.minutes(2))) struct SelectionScenarios {
    private static func results(_ numbers: Range<Int>) -> [SimulatedResult] {
        numbers.map { SimulatedResult(.numbered($0), content: .text("result \($0)"), filename: "name \($0).csv") }
    }

    private static func tasks(_ bench: Workbench, _ path: String) async throws -> [String] {
        try await bench.fileSystem.results(at: path).map(\.task.rawValue)
    }

    @Test func `a path means one result, a project's or all of them, and patterns choose`() async throws {
        try await Workbench.with(Self.results(1..<35)) { bench in
            let project = bench.service.project.rawValue
            let all = (1..<35).map { TaskID.numbered($0).rawValue }
            #expect(try await Self.tasks(bench, project) == all)
            #expect(try await Self.tasks(bench, "/\(project)//") == all)
            #expect(try await Self.tasks(bench, "") == all)
            #expect(try await Self.tasks(bench, "*/*1?") == (0x10...0x1f).map { TaskID.numbered($0).rawValue })
            #expect(
                try await Self.tasks(bench, "\(project.prefix(4))*/*[1-2]2")
                    == [0x12, 0x22].map {
                        TaskID.numbered($0).rawValue
                    })
            // Listed or not: it is found by its id.
            #expect(try await Self.tasks(bench, "\(project)/unlisted") == ["unlisted"])
            _ = try await bench.cat(.numbered(3))
            #expect(try await Self.tasks(bench, "\(project)/.by-name/*3.csv") == [TaskID.numbered(3).rawValue])
        }
    }

    @Test(arguments: [
        ("P/*no*", Errno.noSuchFileOrDirectory), ("P/x y", .noSuchFileOrDirectory), (".iesfs", .noSuchFileOrDirectory),
        ("P/a/b", .notDirectory), ("other*/x", .noSuchFileOrDirectory),
    ])
    func `a path that leads nowhere is an error`(path: String, errno: Errno) async throws {
        try await Workbench.with(Self.results(1..<3)) { bench in
            let path = path.replacing("P", with: bench.service.project.rawValue)
            let error = try await failure { _ = try await bench.fileSystem.results(at: path) }
            #expect(error.errno == errno, "\(error)")
        }
    }

    @Test func `a project of which there is no list fails with the service's words`() async throws {
        try await Workbench.with { bench in
            let refusal = Refusal(status: 403, code: "APIG.0302", message: "无权查询")
            bench.service.inject(.refusal(refusal), on: .list, times: nil)
            let error = try await failure { _ = try await bench.fileSystem.results(at: bench.service.project.rawValue) }
            #expect(error.errno == .permissionDenied && error.summary == "无权查询")
        }
    }

    @Test func `a prefetch brings all of a result, and says why not in the service's words`() async throws {
        let content = SimulatedContent.generated(seed: 3, size: 3_000_000)
        let results = [
            SimulatedResult(.numbered(1), content: content),
            SimulatedResult(
                .numbered(2), state: .refused(Refusal(status: 400, code: "MSS.000000003", message: "参数错误"))),
        ]
        try await Workbench.with(results) { bench in
            let id = ResultID(project: bench.service.project, task: .numbered(1))
            #expect(bench.fileSystem.knownSize(of: id) == nil)
            let progress = PrefetchProgress()
            try await bench.fileSystem.prefetch(id, pins: true, progress: progress)
            #expect(progress.size == 3_000_000 && progress.held == 3_000_000 && progress.fetched == 3_000_000)
            #expect(bench.fileSystem.knownSize(of: id) == 3_000_000)
            #expect(bench.cache.usage().pinnedResults == 1)
            let calls = bench.service.log.count
            #expect(try await bench.cat(.numbered(1)) == content.bytes())
            let again = PrefetchProgress()
            try await bench.fileSystem.prefetch(id, pins: true, progress: again)
            #expect(again.held == 3_000_000 && again.fetched == 0)
            #expect(bench.service.log.count == calls)

            let refused = ResultID(project: bench.service.project, task: .numbered(2))
            let error = try await failure {
                try await bench.fileSystem.prefetch(refused, pins: true, progress: PrefetchProgress())
            }
            #expect(error.errno == .invalidArgument && error.summary == "参数错误")
            #expect(
                try bench.attribute("ies.error_msg", of: try await bench.lookUp(.numbered(2)).attributes.inode)
                    == "参数错误")
            #expect(bench.cache.usage().pinnedResults == 1)
        }
    }

    @Test func `one that does not fit beside what is pinned is not fetched, and one that fails is not pinned`()
        async throws
    {
        let results = [
            SimulatedResult(.numbered(1), content: .generated(seed: 3, size: 40 << 20)),
            SimulatedResult(.numbered(2), content: .generated(seed: 4, size: 30 << 20)),
            SimulatedResult(.numbered(3), content: .generated(seed: 5, size: 10 << 20)),
        ]
        try await Workbench.with(results) { bench in
            func prefetch(_ number: Int) async throws {
                let id = ResultID(project: bench.service.project, task: .numbered(number))
                try await bench.fileSystem.prefetch(id, pins: true, progress: PrefetchProgress())
            }
            try await prefetch(1)
            let error = try await failure { try await prefetch(2) }
            #expect(error.summary.contains("pinned") && error.summary.contains("\(30 << 20)"), "\(error)")
            #expect(bench.service.log.bytesSent(of: .numbered(2)) <= 1 << 20)
            #expect(bench.cache.usage().pinned == 40 << 20)
            bench.service.inject(.status(500), for: .numbered(3), times: nil, after: 1)
            _ = try await failure { try await prefetch(3) }
            #expect(bench.cache.usage().pinned == 40 << 20)
        }
    }

    @Test func `the status says since when the service is away, and that it is back`() async throws {
        try await Workbench.with(Self.results(1..<4)) { bench in
            func service() async throws -> String {
                let text = try await bench.text(".iesfs/status")
                return try #require(text.split(separator: "\n").first { $0.hasPrefix("service: ") }.map(String.init))
            }
            #expect(try await service() == "service: not asked yet")
            _ = try await bench.cat(.numbered(1))
            #expect(try await service().hasPrefix("service: reachable, last answer 20"))
            bench.service.inject(.transport(.connectionRefused("127.0.0.1 port 9")), times: nil)
            // What is cached needs nobody.
            #expect(try await bench.cat(.numbered(1)) == Array("result 1".utf8))
            #expect(try await service().hasPrefix("service: reachable"))
            let error = try await failure { _ = try await bench.cat(.numbered(2)) }
            #expect(error.errno == .connectionRefused)
            let offline = try await service()
            #expect(offline.hasPrefix("service: offline since 20"), "\(offline)")
            #expect(offline.contains("last failure ECONNREFUSED: "), "\(offline)")
            #expect(offline.hasSuffix("What is cached stays readable."), "\(offline)")
            bench.service.clearFaults()
            #expect(try await bench.cat(.numbered(3)) == Array("result 3".utf8))
            #expect(try await service().hasPrefix("service: reachable"))
        }
    }
}
