// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESCache
import IESService
import IESSimulator
import Testing

@testable import IESFetch

private let isLong = getenv("IES_LONG") != nil

/// Random sequences of what readers, the service, the network and the machine do, compared with the contents the service
/// had. To repeat a failure, give its seed in IES_SEED; to shorten it, a number of steps in IES_STEPS.
@Suite(.timeLimit(.minutes(isLong ? 60 : 5))) struct ReferenceModelTests {
    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
    static let seeds = number("IES_SEED").map { [$0] } ?? Array(1...(isLong ? 100 : 6))
    static let steps = number("IES_STEPS") ?? (isLong ? 2000 : 300)

    @Test(arguments: seeds)
    func `whatever happens, a read gives the bytes of its version, or an error that something explains`(
        seed: Int
    ) async throws {
        var run = try ReferenceRun(seed: seed)
        for step in 0..<Self.steps {
            do {
                try await run.step()
            } catch {
                Issue.record("seed \(seed), step \(step): \(error)")
                return
            }
        }
        try await run.end()
    }
}

/// An error, or bytes, that nothing explains.
private struct Unexplained: Error, CustomStringConvertible {
    let description: String
}

private struct ReferenceRun {
    struct Handle {
        let file: Int
        let result: FetchedResult
        let stream: ReadStream
        let content: SimulatedContent
        var position: Int64 = 0
    }

    struct File {
        let id: ResultID
        let size: Int64
        /// By entity tag: every content it ever had.
        var contents: [String: SimulatedContent] = [:]
        var current = ""
    }

    private static let limit: Int64 = 2 << 20
    private var random: SplitMix
    private var setup: FetcherSetup
    private var files: [File] = []
    private var handles: [Handle] = []
    private var nextSeed: UInt64
    /// Faults may have been met since they were last cleared.
    private var isFaulty = false

    init(seed: Int) throws {
        random = SplitMix(seed: UInt64(seed))
        nextSeed = UInt64(seed) << 32
        setup = try Self.makeSetup(after: nil)
        // Every other run without ranges: there, nothing larger than the cache can be read.
        let honoursRanges = seed % 2 == 0
        setup.service.change { $0.ranges = honoursRanges ? .honoured : .ignored }
        for (number, size) in [1, 300_001, 1_500_000, honoursRanges ? 3_145_805 : 1_900_000].enumerated() {
            let id = ResultID(project: setup.service.project, task: try #require(TaskID(rawValue: "t\(number)")))
            files.append(File(id: id, size: Int64(size)))
            change(number)
        }
    }

    private static func makeSetup(after other: FetcherSetup?) throws -> FetcherSetup {
        try FetcherSetup(cacheLimit: limit, after: other) {
            $0.revalidate = .zero
            $0.errorTTL = .zero
            $0.rangeFailureTTL = .zero
        } cache: {
            $0.blockSize = 64 << 10
            $0.indexBatch = 3
        }
    }

    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12: try await open()
        case 12..<20: close()
        case 20..<50: try await readAnywhere()
        case 50..<80: try await readOn()
        case 80..<84: change(Int.random(in: files.indices, using: &random))
        case 84..<92: addFault()
        case 92..<96: try await calmDown()
        default: try await startAgain(crash: Bool.random(using: &random))
        }
    }

    /// With nothing in the way, everything can be read.
    mutating func end() async throws {
        try await calmDown()
        try await startAgain(crash: true)
        for number in files.indices {
            let result = try await resolve(number)
            #expect(try await result.wholeInPieces() == files[number].contents[files[number].current]?.bytes())
        }
    }

    /// What the service has now.
    private mutating func change(_ number: Int) {
        nextSeed += 1
        let content = SimulatedContent.generated(seed: nextSeed, size: files[number].size)
        let result = SimulatedResult(files[number].id.task, content: content)
        setup.service.add(result)
        files[number].current = result.etag ?? ""
        files[number].contents[files[number].current] = content
    }

    private mutating func addFault() {
        let faults: [Fault] = [
            .cutBody(at: .random(in: 0..<400_000, using: &random), .close),
            .cutBody(at: .random(in: 0..<400_000, using: &random), .reset),
            .status(503), .status(500), .reset, .close, .noLength, .gzip, .contentLength("-1"),
            .contentRangeChange(offset: 1, total: 0, unit: "bytes"),
        ]
        guard let fault = faults.randomElement(using: &random) else { return }
        setup.service.inject(
            fault, times: .random(in: 1...8, using: &random), after: .random(in: 0...2, using: &random))
        isFaulty = true
    }

    /// From now on nothing explains an error but a change.
    private mutating func calmDown() async throws {
        setup.service.clearFaults()
        // What is under way may have met a fault before.
        try await startAgain(crash: false)
    }

    private mutating func startAgain(crash: Bool) async throws {
        for handle in handles { handle.stream.close() }
        handles = []
        if !crash {
            await setup.fetcher.shutdown()
            setup.cache.close()
        }
        let next = try Self.makeSetup(after: setup)
        await setup.fetcher.shutdown()
        setup = next
        if setup.service.faults.isEmpty { isFaulty = false }
    }

    /// As an open does.
    private func resolve(_ number: Int) async throws(FetchError) -> FetchedResult {
        let result = try await setup.fetcher.resolve(files[number].id)
        guard setup.fetcher.mustRevalidate(result) else { return result }
        await setup.fetcher.revalidate(files[number].id)
        return try await setup.fetcher.resolve(files[number].id)
    }

    private mutating func open() async throws {
        guard handles.count < 6 else { return }
        let number = Int.random(in: files.indices, using: &random)
        let result: FetchedResult
        do {
            result = try await resolve(number)
        } catch {
            if isFaulty { return }
            throw Unexplained(description: "open failed: \(error)")
        }
        guard let content = files[number].contents[result.record.etag ?? ""], result.size == files[number].size else {
            throw Unexplained(description: "\(result.record) is no version of \(files[number].id)")
        }
        if !isFaulty, result.record.etag != files[number].current {
            throw Unexplained(description: "an old version of \(files[number].id) was opened")
        }
        handles.append(Handle(file: number, result: result, stream: result.makeStream(), content: content))
    }

    private mutating func close() {
        guard let index = handles.indices.randomElement(using: &random) else { return }
        handles.remove(at: index).stream.close()
    }

    private mutating func readAnywhere() async throws {
        guard let index = handles.indices.randomElement(using: &random) else { return }
        let start = Int64.random(in: 0..<handles[index].result.size, using: &random)
        let count = Int64.random(in: 1...200_000, using: &random)
        _ = try await read(index, start..<min(start + count, handles[index].result.size))
    }

    /// As a program that reads from front to back.
    private mutating func readOn() async throws {
        guard let index = handles.indices.randomElement(using: &random) else { return }
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let size = handles[index].result.size
            if handles[index].position >= size { handles[index].position = 0 }
            let end = min(handles[index].position + 128 << 10, size)
            guard try await read(index, handles[index].position..<end) else { return }
            handles[index].position = end
        }
    }

    /// - Returns: Whether it succeeded.
    private func read(_ index: Int, _ range: Range<Int64>) async throws -> Bool {
        let handle = handles[index]
        let failure: FetchError
        do throws(FetchError) {
            let bytes = try await handle.result.bytes(range, for: handle.stream)
            if bytes == handle.content.bytes(in: range) { return true }
            Issue.record("wrong bytes in \(range) of \(handle.result.record)")
            return false
        } catch {
            failure = error
        }
        let isOld = handle.result.record.etag != files[handle.file].current
        if failure == .changed, isOld { return false }
        // Nothing keeps the place of what is larger than the cache while others read.
        if case .cache(.tooSmall) = failure, setup.service.behaviour.ranges == .ignored { return false }
        if isFaulty { return false }
        throw Unexplained(description: "reading \(range) of \(handle.result.record) failed: \(failure)")
    }
}
